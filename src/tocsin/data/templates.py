"""Log lines → templates and parameters: Drain's tree behind masks and caches, its learned state written down as plain values.

The tree is that of drain3 (an extra: ``logs``). In front of it words are masked (:mod:`tocsin.data.logtoken`), the head of a line (time
stamps, identifiers before the first word) and its level are cut, and lines that are the same after that are looked up once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from drain3.drain import Drain, LogCluster

from tocsin.core.errors import ArtifactError, ConfigError
from tocsin.core.state import Stateful
from tocsin.data.logtoken import DATES, TIME, VALUE, ZEROS, Masks
from tocsin.data.severity import NONE, find

UNKNOWN = -1
WILD = "<*>"  # in a template: any word
_BRANCHES = 24  # different words at a place of the tree; from then on it stands for any word
_WHOLE = 100_000  # lines that are looked up as a whole
_HEAD = 8  # the last time stamp among so many first words ends the head of a line



@dataclass(frozen=True)
class Form:
    """What lines have in common that are equal once masked.

    words      (w,) masked words of the body, behind head and level
    places     (w,) their positions among the line's own words
    severity   of the level field, -1.0 without one
    """

    words: tuple[str, ...]
    places: tuple[int, ...]
    severity: float


@dataclass(frozen=True)
class Parsed:
    """Lines, each by its form.

    lines  n lines, as they stand there
    form   (n,) positions in ``forms``, which stand in order of first appearance
    """

    lines: Sequence[str]
    form: np.ndarray
    forms: list[Form]

    def __len__(self) -> int:
        return len(self.form)


def parsed(lines: Sequence[str]) -> Parsed:
    """``lines`` (n,) by their forms. A line that differs in digits alone from an earlier one is looked up as a whole.

    >>> made = parsed(["10:00:01 INFO took 5 ms", "10:00:02 INFO took 7 ms", "10:00:02 FATAL lost"])
    >>> made.form.tolist(), [" ".join(form.words) for form in made.forms]
    ([0, 0, 1], ['took <v> ms', 'lost'])
    """
    mask = Masks().__getitem__
    whole: dict[str, int] = {}
    known: dict[tuple[str, ...], int] = {}
    forms: list[Form] = []
    form = np.empty(len(lines), dtype=np.int64)
    for i, line in enumerate(lines):
        zeros = line.translate(ZEROS)
        k = whole.get(zeros)
        if k is None:
            words = zeros.split()
            key = tuple(map(mask, words)) if len(words) != 1 else (line.strip(),)
            k = known.get(key)
            if k is None:
                k = known[key] = len(forms)
                forms.append(_form(key, words))
            if len(words) != 1 and len(whole) < _WHOLE:
                whole[zeros] = k
        form[i] = k
    return Parsed(lines, form, forms)


def _form(key: tuple[str, ...], words: list[str]) -> Form:
    """A line of one word is the name of an event: it stays as it is."""
    if len(key) == 1:
        return Form(key, (0,), NONE)
    start = max((j + 1 for j, word in enumerate(key[:_HEAD]) if word == TIME), default=0)
    while start < len(key) and (key[start] in (VALUE, TIME) or (start == 0 and key[0].strip("[]") in DATES)):
        start += 1
    if start == len(key):
        start = 0  # all are values: what there is, is the body
    rank, level = find(words[start:])
    places = tuple(j for j in range(start, len(key)) if j != start + level or level < 0)
    return Form(tuple(VALUE if key[j] == TIME else key[j] for j in places), places, rank)


class Templates(Stateful):
    """The templates of a log, learned line by line, and the lines' parameters.

    >>> templates = Templates()
    >>> ids, parameters = templates.parse(["took 5 ms", "took 7 ms", "user ann left"], learn=True)
    >>> ids.tolist(), parameters[:2], templates.templates
    ([0, 0, 1], [('5',), ('7',)], ['took <*> ms', 'user ann left'])
    >>> templates.parse(["took 9 ms", "disk lost"])[0].tolist()
    [0, -1]

    ``depth`` first words choose a branch of the tree; there a line joins the template that shares at least ``alike`` of its words.
    At most ``most`` templates are remembered; what fits none of them is unknown from then on.
    Works for lines whose wording comes from code. Free text makes a template of every line: use a text detector for it.
    Raises ConfigError TOC-219 for settings out of range.
    Source: He et al. (2017), "Drain: an online log parsing approach with fixed depth tree".
    """

    def __init__(self, depth: int = 4, alike: float = 0.65, most: int = 20_000) -> None:
        self.depth, self.alike, self.most = depth, alike, most

    # ---- learning and looking up ---------------------------------------------------------------------------------------

    def parse(self, lines: Sequence[str], learn: bool = False) -> tuple[np.ndarray, list[tuple[str, ...]]]:
        """(ids (n,) int64, n tuples of parameters, in the order of the template's places); an unknown line has id -1, no parameters."""
        found = parsed(lines)
        ids = (self.learn(found) if learn else self.match(found))[found.form]
        places = [self.places(form, self._id_of(form)) for form in found.forms]
        return ids, [_parameters(line, places[k]) for line, k in zip(lines, found.form)]

    def learn(self, found: Parsed) -> np.ndarray:
        """Take the forms of ``found`` in, in their order, and count its lines; (forms,) ids, as :meth:`match` then gives them."""
        self._check()
        if not hasattr(self, "roots_"):
            self.roots_: list[str] = []
        tree = self._tree
        for form in found.forms:
            if self._find(form) == UNKNOWN and (len(tree.id_to_cluster) < self.most or self._near(form)):
                self._take(form)
        self._ids.clear()
        ids = self.match(found)
        counts = np.zeros(len(tree.id_to_cluster), dtype=np.int64)
        before = getattr(self, "counts_", np.zeros(0, dtype=np.int64))
        counts[:len(before)] = before
        known = ids[found.form]
        self.counts_ = counts + np.bincount(known[known >= 0], minlength=len(counts))
        self.templates_ = [cluster.get_template() for cluster in tree.id_to_cluster.values()]
        return ids

    def match(self, found: Parsed) -> np.ndarray:
        """(forms,) the id of each form's template, -1 where no template fits all its words."""
        return np.array([self._id_of(form) for form in found.forms], dtype=np.int64)

    def numbered(self, found: Parsed, ids: np.ndarray) -> np.ndarray:
        """(forms,) for those of unknown templates (``ids`` (forms,) -1), numbers of new ones among themselves, each by the forms before it;
        0 for the others. Nothing is learned."""
        apart = self.fresh()._tree
        made = np.zeros(len(ids), dtype=np.int64)
        for k in np.flatnonzero(ids == UNKNOWN):
            made[k] = apart.add_log_message(_spelled(found.forms[k]))[0].cluster_id - 1
        return made

    @property
    def templates(self) -> list[str]:
        """The wording of each template, by id."""
        return [template.replace(VALUE, WILD) for template in getattr(self, "templates_", [])]

    def wording(self, template: int) -> str:
        """The wording of one template."""
        return str(self.templates_[template]).replace(VALUE, WILD)

    @property
    def counts(self) -> np.ndarray:
        """(templates,) lines learned of each."""
        return np.asarray(getattr(self, "counts_", np.zeros(0, dtype=np.int64)))

    def places(self, form: Form, template: int) -> tuple[int, ...]:
        """Positions, among a line's own words, of the parameters of its template; () for an unknown one."""
        if template == UNKNOWN:
            return ()
        words = self._tree.id_to_cluster[template + 1].log_template_tokens
        return tuple(place for word, place in zip(words, form.places) if "<" in word and (word == WILD or VALUE in word or "<n>" in word))

    def _id_of(self, form: Form) -> int:
        made = self._ids.get(form.words)
        if made is None:
            made = self._find(form)
            if len(self._ids) < self.most * 4:
                self._ids[form.words] = made
        return made

    def _find(self, form: Form) -> int:
        cluster = self._tree.match(_spelled(form), full_search_strategy="never")
        return UNKNOWN if cluster is None else int(cluster.cluster_id) - 1

    def _near(self, form: Form) -> bool:
        """Whether the form would join a template that exists."""
        tree = self._tree
        return tree.tree_search(tree.root_node, list(form.words), tree.sim_th, False) is not None

    def _take(self, form: Form) -> None:
        _, kind = self._tree.add_log_message(_spelled(form))
        if kind == "cluster_created":
            self.roots_.append(_spelled(form))

    @cached_property
    def _tree(self) -> Drain:
        """The tree, grown again from the first line of each template where it was loaded."""
        tree = Drain(depth=self.depth + 2, sim_th=self.alike, max_children=_BRANCHES, param_str=WILD, parametrize_numeric_tokens=False)
        for i, (root, template) in enumerate(zip(getattr(self, "roots_", []), getattr(self, "templates_", []))):
            cluster = LogCluster(root.split(), i + 1)
            tree.add_seq_to_prefix_tree(tree.root_node, cluster)
            cluster.log_template_tokens = tuple(template.split())
            tree.id_to_cluster[i + 1] = cluster
        tree.clusters_counter = len(tree.id_to_cluster)
        return tree

    @cached_property
    def _ids(self) -> dict[tuple[str, ...], int]:
        return {}

    def _check(self) -> None:
        if self.depth < 1 or not 0 < self.alike <= 1 or self.most < 1:
            raise ConfigError("TOC-219", "the settings of the templates are out of range",
                              came=f"depth={self.depth}, alike={self.alike}, most={self.most}",
                              todo="give depth and most a whole number from 1, alike a number above 0 and at most 1")

    # ---- state ---------------------------------------------------------------------------------------------------------

    def _load_learned(self, learned: dict[str, Any]) -> None:
        roots, templates, counts = (learned.get(name, []) for name in ("roots_", "templates_", "counts_"))
        texts = all(isinstance(part, list) and all(isinstance(each, str) for each in part) for part in (roots, templates))
        if not texts or not len(roots) == len(templates) == len(counts) \
                or any(len(a.split()) != len(b.split()) for a, b in zip(roots, templates)):
            raise ArtifactError("TOC-410", "the state of Templates is not of the expected form", came=", ".join(learned)[:80],
                                todo="load a file that this version of tocsin wrote")
        self._forget()
        super()._load_learned(learned)

    def _forget(self) -> None:
        super()._forget()
        for name in ("_tree", "_ids"):
            self.__dict__.pop(name, None)


def _parameters(line: str, places: tuple[int, ...]) -> tuple[str, ...]:
    words = line.split() if places else []
    return tuple(words[j] for j in places)


def _spelled(form: Form) -> str:
    return " ".join(form.words)
