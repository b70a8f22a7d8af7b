"""Certificates, their chains and keys as stored bytes: PEM, X.509, PKCS#8 and PKCS#12, read with bounded work.

Pure. What cannot be read is told by fixed words, never with a piece of it; exceptions of the library end here.
"""
