"""The contract as checks, for own detectors and for those of other packages.

    from tocsin.testing import check_detector

    def test_contract():
        check_detector("my_detector")        # or its class

Each check is a small function whose docstring is the sentence that it holds; :data:`CHECKS` lists all.
"""

from tocsin.testing import item_checks as item_checks
from tocsin.testing.checks import check_detector as check_detector
from tocsin.testing.register import CHECKS as CHECKS
from tocsin.testing.register import checks_for as checks_for
