"""Trust: who made a file, and is it still what was made. Optional; nothing above imports it.

Read in this order: keys, statements, signing. That loading a file never runs code, signed or not,
is the matter of training/checkpoint.py.
"""

from minitransformer.trust.keys import SignatureError, fingerprint, make_keys
from minitransformer.trust.signing import sign_code, sign_file, verify_code, verify_file
