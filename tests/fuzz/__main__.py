import sys

from tests.fuzz.fuzzer import main

sys.exit(main())
