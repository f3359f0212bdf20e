"""Tests: stories over HTTP on a real PostgreSQL, with exact answers."""
