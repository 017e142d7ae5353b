"""Measurements, as ratios taken in one run; they judge nothing and no test depends on them."""
