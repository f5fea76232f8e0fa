#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
#
# Small changes of C sources, each of which should make a test fail.
#
#   mutate.py draw SEED FILE...     names of mutants, one for each line that has
#                                   any, in an order that follows from SEED
#   mutate.py list FILE...          names of all
#   mutate.py apply NAME            the source of one; SOURCES=DIR: the tree
#
# A name is FILE:LINE:OPERATOR, or FILE:LINE:OPERATOR.N for the Nth place of the
# line (from 1) where there are several:
#
#   delete      a call or an assignment is left out
#   negate      if (c), while (c): if (!(c))
#   logic       && becomes ||, and || becomes &&
#   bound       < becomes <=, <= <, > >=, >= >
#   equal       == becomes !=, and != ==
#   plus        a + b becomes a - b, and a - b a + b
#   bits        & becomes |, | &, << >>, >> <<
#   more, less  a number becomes one more, one less
#   zero        return f (x) becomes return 0
#
# Comments, strings, declarations and what is outside of functions stay.

import hashlib
import os
import re
import sys

SKIPPED = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'
                     r"'(?:\\.|[^'\\\n])*'|^[ \t]*#(?:\\\n|[^\n])*",
                     re.S | re.M)
BODY = re.compile(r'^\{$.*?^\}', re.S | re.M)
SWAPS = {
    'logic': (r'&&|\|\|', {'&&': '||', '||': '&&'}),
    'bound': (r'(?<= )[<>]=?(?= )',
              {'<': '<=', '<=': '<', '>': '>=', '>=': '>'}),
    'equal': (r'[!=]=(?= )', {'==': '!=', '!=': '=='}),
    'plus': (r'(?<= )[+-](?=[ =])', {'+': '-', '-': '+'}),
    'bits': (r'(?<= )(?:<<|>>|[&|](?=[ =]))',
             {'<<': '>>', '>>': '<<', '&': '|', '|': '&'}),
}
NUMBER = re.compile(r'(?<![\w.])(0[xX][0-9a-fA-F]+|\d+)(?=[uUlL]*\b)')
STATEMENT = re.compile(
    r'(?:^|(?<=[;{}:)])|(?<=\belse))(\s*)'
    r'(?!return\b|break\b|continue\b|goto\b|case\b|if\b|for\b|while\b|do\b|'
    r'else\b|switch\b|default\b|const\b|static\b|struct\b|enum\b|unsigned\b|'
    r'sizeof\b)'
    r'(?:\([^;{}()]*\)\s*)?[*]*(?:\w+(?:\s*\([^;{}]*?\)|\s*[+|&^-]?=(?!=)|'
    r'\s*(?:->|\.|\[)[^;{}=]*?(?:[+|&^-]?=(?!=)|\+\+|--)|\+\+|--)|(?:\+\+|--)\w)'
    r'[^;{}]*?;', re.S)
CONDITION = re.compile(r'\b(?:if|while) \(')
RETURN = re.compile(r'\breturn (?!0;)[^;]*?\(.*?;', re.S)


def blank(match):
    """What is skipped keeps its length and its lines."""
    return re.sub(r'[^\n]', ' ', match.group())


def end_of_parenthesis(text, at):
    depth = 0
    while True:
        depth += {'(': 1, ')': -1}.get(text[at], 0)
        at += 1
        if depth == 0:
            return at


def deletions(text):
    m = STATEMENT.search(text)
    while m:
        start = m.start() + len(m.group(1))
        statement = text[start:m.end()]
        # Neither a declaration (two words, stars between them) nor the head
        # of a loop and what follows it.
        if not re.match(r'\w+\s+\**\w+\s*(=|;|\[)', statement) and \
           statement.count('(') == statement.count(')'):
            yield start, m.end(), ';'
            start = m.end() - 1
        m = STATEMENT.search(text, start + 1)


def negations(text):
    for m in CONDITION.finditer(text):
        start = m.end() - 1
        end = end_of_parenthesis(text, start)
        yield start, end, '(!' + text[start:end] + ')'


def swaps(pattern, table):
    def find(text):
        for m in re.finditer(pattern, text):
            yield m.start(), m.end(), table[m.group()]
    return find


def numbers(step):
    def find(text):
        for m in NUMBER.finditer(text):
            n = int(m.group(), 0 if m.group()[:2] in ('0x', '0X') else 10)
            if n + step >= 0:
                yield m.start(), m.end(), str(n + step)
    return find


def returns(text):
    for m in RETURN.finditer(text):
        yield m.start(), m.end(), 'return 0;'


OPERATORS = {
    'delete': deletions,
    'negate': negations,
    'more': numbers(1),
    'less': numbers(-1),
    'zero': returns,
    **{name: swaps(*swap) for name, swap in SWAPS.items()},
}


def read(path):
    with open(os.path.join(os.environ.get('SOURCES', '.'), path),
              encoding='utf-8') as f:
        return f.read()


def mutants(path, source):
    """(line, operator, start, end, replacement), by line."""
    text = SKIPPED.sub(blank, source)
    found = []
    for body in BODY.finditer(text):
        inside = text[body.start() + 1:body.end() - 1]
        first = body.start() + 1
        for name, find in OPERATORS.items():
            for start, end, new in find(inside):
                line = text.count('\n', 0, first + start) + 1
                # From the source: strings are blank in the text.
                if name == 'negate':
                    new = '(!' + source[first + start:first + end] + ')'
                found.append((line, name, first + start, first + end, new))
    found.sort()
    named, seen = [], {}
    for line, name, start, end, new in found:
        n = seen[line, name] = seen.get((line, name), 0) + 1
        label = f'{path}:{line}:{name}' + (f'.{n}' if n > 1 else '')
        named.append((label, start, end, new))
    return named


def by_seed(seed, word):
    return hashlib.sha256(f'{seed} {word}'.encode()).hexdigest()


def draw(seed, names):
    lines = {}
    for name in names:
        lines.setdefault(name.rsplit(':', 1)[0], []).append(name)
    for line in sorted(lines, key=lambda line: by_seed(seed, line)):
        yield min(lines[line], key=lambda name: by_seed(seed, name))


def apply(name):
    path = name.split(':')[0]
    source = read(path)
    for label, start, end, new in mutants(path, source):
        if label == name:
            # What follows stays on its line.
            lines = source.count('\n', start, end) - new.count('\n')
            return source[:start] + new + '\n' * lines + source[end:]
    sys.exit(f'mutate.py: no such mutant: {name}')


def main(arguments):
    command = arguments[0] if arguments else ''
    if command == 'apply' and len(arguments) == 2:
        sys.stdout.write(apply(arguments[1]))
        return
    if command not in ('draw', 'list') or len(arguments) < 2:
        sys.exit('usage: mutate.py draw SEED FILE... | list FILE... | '
                 'apply NAME')
    files = arguments[2:] if command == 'draw' else arguments[1:]
    names = [m[0] for path in files for m in mutants(path, read(path))]
    for name in draw(arguments[1], names) if command == 'draw' else names:
        print(name)


main(sys.argv[1:])
