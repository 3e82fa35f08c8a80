"""Configuration to plan: pure functions from frozen values to a ruleset and settings."""
