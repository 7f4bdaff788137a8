"""A model that z3 found: its elements, and the rows of its tables."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import z3

from quorate_check.proofs.logic.solving import ORDER, Language


class World:
    """A finite model of a language's sentences; subclasses name its elements."""

    def __init__(self, language: Language, model: z3.ModelRef) -> None:
        self.language, self.model = language, model
        self.things = {name: self._things(name) for name in language.vocabulary.sorts}

    def _things(self, name: str) -> list[z3.ExprRef]:
        """Return the elements of a sort, in its order if it has one."""
        if self.language.universe is not None:
            return self.language.things[name]
        sort = self.language.sorts[name]
        elements = self.model.get_universe(sort) or [self.value(z3.Const("one", sort))]
        if name not in self.language.vocabulary.ordered:
            return sorted(elements, key=str)
        at_most = self.language.symbols[ORDER + name]
        return sorted(elements, key=lambda thing: sum(self.true(at_most(other, thing)) for other in elements))

    def true(self, sentence: z3.BoolRef) -> bool:
        """Whether a sentence without quantifiers is true; z3 completes the parts that the model leaves open."""
        return bool(z3.is_true(self.model.eval(sentence, model_completion=True)))

    def value(self, term: z3.ExprRef) -> z3.ExprRef:
        """Return the element that a term denotes."""
        return self.model.eval(term, model_completion=True)

    def rows(self, relation: str) -> Iterator[tuple[z3.ExprRef, ...]]:
        """Yield the rows of a table."""
        symbol = self.language.symbols[relation]
        for row in product(*(self.things[place] for place in self.language.vocabulary.relations[relation])):
            if self.true(symbol(*row)):
                yield row
