"""Notifications to NETCONF sessions (RFC 5277).

Events ──► Streams ──render once──► ReplayLog (memory, file)
              └──offer──► Subscription (filter, queue) ──one at a time──► LiveSession ──► transport
"""
