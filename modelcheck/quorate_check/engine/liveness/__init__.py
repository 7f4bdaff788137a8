"""Promises of liveness, judged on all stored states by compiled searches for fair cycles."""
