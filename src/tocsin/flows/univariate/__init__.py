"""One posted series, judged at once and kept nowhere: ``entire``, ``last`` and ``changes``.

Nothing is fitted beforehand and nothing is stored. A series is put on its clock (``grid``), its gaps are filled (``impute``), its season is
found (``season``), what each point should have been is worked out (``expect``), and what lies too far from that is flagged (``judge``).
"""
