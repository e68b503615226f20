"""Tests of the standards, each naming the requirements it covers (``@pytest.mark.requirement``)."""
