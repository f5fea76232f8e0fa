#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
#
#   tests/refusals.py           in the top directory
#
# Every text that core/ and nbdkit-plugin/ can refuse with stands in a test.
#
# A text is each string of those sources that has three words or more, however
# it comes to the user, and each string given to a function that makes an
# error, however short.  Conversions (%s, %" PRIu64 ") cut it into runs of
# fixed words.  It is proved where a test has three consecutive words of a run
# that no other text has; or, where there are none, all of a run.
#
# What a test has: the strings of tests/*.c and tests/unit/*.[ch], and the
# lines of tests/*.sh and tests/*.py, without their comments.  What cannot be
# proved so is in tests/refusals-untested, with the reason, and must be there.

import glob
import re
import sys

SOURCES = ('core/*.c', 'core/*.h', 'nbdkit-plugin/*.c', 'nbdkit-plugin/*.h')
C_TESTS = ('tests/*.c', 'tests/*.h', 'tests/unit/*.c', 'tests/unit/*.h')
OTHER_TESTS = ('tests/*.sh', 'tests/*.py')
EXCEPTIONS = 'tests/refusals-untested'
ITSELF = ('tests/refusals.py', 'tests/test-refusals.sh')

# What makes an error of a string, in whatever position.
MAKERS = {'error_set', 'error_set_class', 'error_set_errno', 'error_prefix',
          'nbdkit_error'}
# X: the table that --help is printed from, which tests/test-help-man.sh and
# tests/test-plugin-parameters.sh look at.
NO_TEXTS = {'X', 'printf', 'json_pack'}

TOKEN = re.compile(r'''
    (?P<comment> /\*.*?\*/ | //[^\n]*)
  | (?P<directive> ^[ \t]*\#(?:\\\n|[^\n])*)
  | (?P<string> "(?:\\.|[^"\\])*")
  | (?P<char> '(?:\\.|[^'\\])*')
  | (?P<name> [A-Za-z_]\w*)
  | (?P<other> [^\s])
  ''', re.X | re.S | re.M)
CONVERSION = (r'(?:%[-+ #0]*(?:\*|\d+)?(?:\.(?:\*|\d+))?'
              r'(?:hh|ll|[hlzjt])?[a-zA-Z]|%%)')
ESCAPES = {'n': '\n', 't': '\t', '"': '"', '\\': '\\'}


def read(path):
    with open(path, encoding='utf-8', errors='replace') as f:
        return f.read()


def files(patterns):
    return sorted(p for pattern in patterns for p in glob.glob(pattern)
                  if p not in ITSELF)


def unescape(literal):
    return re.sub(r'\\(.)', lambda m: ESCAPES.get(m.group(1), m.group(0)),
                  literal[1:-1])


def tokens(text):
    """(kind, text, line) of C, without comments."""
    line, at = 1, 0
    for m in TOKEN.finditer(text):
        line += text.count('\n', at, m.start())
        at = m.start()
        kind = m.lastgroup
        if kind == 'directive':
            yield from directive(m.group(), line)
        elif kind != 'comment':
            yield kind, m.group(), line


def directive(text, line):
    """Of a #define, what it stands for."""
    m = re.match(r'\s*#\s*define\s+\w+(?:\([^)]*\))?', text)
    if m:
        for kind, word, _ in tokens(text[m.end():].replace('\\\n', ' ')):
            yield kind, word, line
    yield 'other', ';', line


def strings(text):
    """(string, line, function it is given to) of C; strings that follow one
    another are one, and so is PRIu64 between them, as its conversion."""
    calls, last, parts, start = [], '', [], 0
    for kind, word, line in [*tokens(text), ('other', ';', 0)]:
        if kind == 'string':
            start = start if parts else line
            parts.append(unescape(word))
            continue
        if kind == 'name' and parts and re.match(r'PRI[dioux]', word):
            parts.append('d')
            continue
        if parts:
            yield ''.join(parts), start, [c for c in calls if c]
            parts = []
        if word == '(':
            calls.append(last)
        elif word == ')' and calls:
            calls.pop()
        last = word if kind == 'name' else ''
        if word == ';':
            calls = []


def words(text):
    return re.sub(r'\s+', ' ', text).strip()


def runs_of(text):
    """The fixed runs of words, without those that a conversion is part of."""
    cut = re.sub(r'\S*' + CONVERSION + r'\S*', '\0', text)
    return [r for r in (words(r) for r in cut.split('\0'))
            if re.search('[A-Za-z]', r)]


def triples(run):
    w = run.split(' ')
    return {' '.join(w[i:i + 3]) for i in range(len(w) - 2)}


def is_text(string, calls):
    if NO_TEXTS.intersection(calls):
        return False
    return (MAKERS.intersection(calls) or
            any(sum(bool(re.search('[A-Za-z]{2}', w)) for w in r.split(' ')) >= 3
                for r in runs_of(string)))


def texts():
    """{text: where}"""
    found = {}
    for path in files(SOURCES):
        for string, line, calls in strings(read(path)):
            if runs_of(string) and is_text(string, calls):
                found.setdefault(words(string), '%s:%d' % (path, line))
    return found


def expectations():
    parts = []
    for path in files(C_TESTS):
        parts += [s for s, _, _ in strings(read(path))]
    for path in files(OTHER_TESTS):
        text = re.sub(r'^\s*#.*$', '', read(path), flags=re.M)
        parts.append(re.sub(r'\\\n', ' ', text).replace('\\', ''))
    return '\0'.join(' %s ' % words(p) for p in parts)


def is_tested(have, wanted, how):
    return how(w in have for w in wanted)


def wanted_of(found):
    """{text: (what tests must have, all of it or any)}"""
    owners = {}
    for text in found:
        for run in runs_of(text):
            for t in triples(run):
                owners.setdefault(t, set()).add(text)
    result = {}
    for text in found:
        runs = runs_of(text)
        own = {t for r in runs for t in triples(r) if len(owners[t]) == 1}
        result[text] = (own, any) if own else (set(runs), all)
    return result


def exceptions():
    """The texts of EXCEPTIONS."""
    found, reason = [], False
    for line in read(EXCEPTIONS).splitlines():
        if line.startswith('# '):
            reason = True
        elif not line or line.startswith('## '):
            reason = False
        elif reason:
            found.append(line)
        else:
            sys.exit('%s: no reason for: %s' % (EXCEPTIONS, line))
    return found


def main():
    found = texts()
    have = expectations()
    untested = {text for text, wanted in wanted_of(found).items()
                if not is_tested(have, *wanted)}
    excepted = exceptions()
    wrong = ['%s: no test has this text: %s' % (found[t], t)
             for t in untested.difference(excepted)]
    wrong += ['%s: %s: %s' % (EXCEPTIONS, 'a test has it' if t in found else
                              'there is no such text', t)
              for t in excepted if t not in untested]
    wrong += ['%s: twice: %s' % (EXCEPTIONS, t)
              for t in set(excepted) if excepted.count(t) > 1]
    print('\n'.join(sorted(wrong) +
                    ['%d texts, %d of them in tests, %d with a reason' %
                     (len(found), len(found) - len(untested),
                      len(untested.intersection(excepted)))]))
    return 1 if wrong or len(found) < 300 else 0


if __name__ == '__main__':
    sys.exit(main())
