"""One file per SDK: what to patch, and which wire formats it speaks."""
