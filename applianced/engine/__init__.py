"""The packet path between queue and ALG: sessions, streams, and what an ALG's actions become."""
