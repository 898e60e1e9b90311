"""BERT's tokenizer for lower case: words, and their parts as far as the vocabulary has them.

As in the paper's own code (https://github.com/google-research/bert, Apache-2.0) and in Hugging Face's
`BertTokenizer` with `do_lower_case`: a text is cleaned, accents are removed, it is split at spaces and at
punctuation, and each word is cut, from its beginning, into the longest parts that are known.
"""

import pathlib
import unicodedata

LONGEST_WORD = 100


def _is_cjk(code):
    ranges = [
        (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F),
        (0x2B740, 0x2B81F), (0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
    ]  # fmt: skip
    return any(first <= code <= last for first, last in ranges)


def _is_punctuation(char):
    code = ord(char)
    is_ascii = 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126
    return is_ascii or unicodedata.category(char).startswith("P")


def _cleaned(text):
    for char in text:
        if char in "\t\n\r" or unicodedata.category(char) == "Zs":
            yield " "
        elif char in "\0\ufffd" or unicodedata.category(char) in ("Cc", "Cf", "Co"):
            continue
        elif _is_cjk(ord(char)):
            yield f" {char} "
        else:
            yield char


def words(text):
    """Splits a text into words and marks of punctuation, in lower case and without accents."""
    text = unicodedata.normalize("NFD", "".join(_cleaned(text)).lower())
    text = "".join(char for char in text if unicodedata.category(char) != "Mn")
    word = ""
    for char in text:
        if char.isspace() or _is_punctuation(char):
            if word:
                yield word
            word = ""
            if not char.isspace():
                yield char
        else:
            word += char
    if word:
        yield word


class WordPiece:
    """A vocabulary, one token a line."""

    def __init__(self, file=pathlib.Path(__file__).with_name("vocab.txt")):
        lines = pathlib.Path(file).read_text(encoding="utf-8").splitlines()
        self.ids = {token: number for number, token in enumerate(lines)}

    def _parts(self, word):
        unknown = [self.ids["[UNK]"]]
        if len(word) > LONGEST_WORD:
            return unknown
        parts, start = [], 0
        while start < len(word):
            ends = range(len(word), start, -1)
            spelled = (("##" if start else "") + word[start:end] for end in ends)
            found = next(((part, end) for part, end in zip(spelled, ends) if part in self.ids), None)
            if found is None:
                return unknown
            parts.append(self.ids[found[0]])
            start = found[1]
        return parts

    def encode(self, text, most):
        """The ids of a text, `most` at most, with those that begin and end it."""
        ids = []
        for word in words(text):
            ids += self._parts(word)
            if len(ids) >= most - 2:
                break
        return [self.ids["[CLS]"], *ids[: most - 2], self.ids["[SEP]"]]
