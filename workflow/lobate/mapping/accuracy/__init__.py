"""Design-based accuracy of one map: a frozen sample, blind answers, and estimators with intervals."""
