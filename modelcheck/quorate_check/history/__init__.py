"""Whether what clients were told can have come from one map that did their operations one after the other."""
