"""Models that others trained, in the code of this package: number for number like the originals."""
