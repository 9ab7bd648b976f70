#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Make the decoder's tables of one ABI from syscalls.desc and the ABI's own headers.

usage: gen.py --abi arm|arm64 --cc COMPILER [--objcopy OBJCOPY] --desc syscalls.desc -o gen_arm.c

Numbers, constants, ioctl numbers and structure layouts are asked of the cross compiler: macro names by -E -dM, values
by compiling one array of them and taking its bytes from the object file. A name the headers don't have is left out
(and decodes as a number), unless the description gives its value.
"""
import argparse
import os
import re
import struct
import subprocess
import sys
import tempfile

WORD = {'arm': 4, 'arm64': 8}
SCALARS = {
    'int': 'T_INT', 'uint': 'T_UINT', 'long': 'T_LONG', 'ulong': 'T_ULONG', 'hex': 'T_HEX', 'xint': 'T_XINT',
    'oct': 'T_OCT', 'umode': 'T_UMODE', 'mode': 'T_MODE', 'fd': 'T_FD', 'dirfd': 'T_DIRFD', 'uid': 'T_UID',
    'dev': 'T_DEV', 'signal': 'T_SIGNAL', 'addr': 'T_ADDR', 'path': 'T_PATH', 'str': 'T_STR', 'chars': 'T_CHARS',
    'sigbits': 'T_SIGBITS',
}
# bytes in memory; None: a word
WIDTH = {'int': 4, 'uint': 4, 'xint': 4, 'fd': 4, 'dirfd': 4, 'uid': 4, 'umode': 4, 'mode': 4, 'signal': 4, 'enum': 4,
         'flags': 4}
ERRORS_KERNEL_ONLY = {
    512: ('ERESTARTSYS', 'To be restarted if SA_RESTART is set'),
    513: ('ERESTARTNOINTR', 'To be restarted'),
    514: ('ERESTARTNOHAND', 'To be restarted if no handler'),
    515: ('ENOIOCTLCMD', 'No ioctl command'),
    516: ('ERESTART_RESTARTBLOCK', 'Interrupted by signal'),
}


def fail(text):
    sys.exit('gen.py: ' + text)


# A definition of an ioctl's number in a header; also sound's own macros, and those on the next line.
IOCTL = re.compile(r'^[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+(?:\\\n[ \t]*)?_S?IO(?:R|W|WR|C)?[ \t]*\(', re.M)
# Headers with plain numbers, and which of their names are ioctls.
PLAIN_IOCTLS = {
    'asm/ioctls.h': r'(TC|TIO|FIO)(?!CPKT_|CSER_)[A-Z0-9]',
    'linux/sockios.h': r'(SIO|FIO)[A-Z0-9]',
    'linux/vt.h': r'VT_(?!EVENT|AUTO|PROCESS|ACKACQ|MAX)[A-Z]',
    'linux/kd.h': r'(KD|GIO_|PIO_)(?!_)[A-Z]+$',
    'linux/cdrom.h': r'(CDROM|DVD_)(?!_)[A-Z]',
}


def write_whole(path, lines):
    """All or nothing; what isn't a regular file is never replaced."""
    if os.path.lexists(path) and not os.path.isfile(path):
        fail(f'{path} is not a regular file')
    with open(path + '.tmp', 'w', encoding='utf-8') as f:
        f.write('\n'.join(lines))
    os.replace(path + '.tmp', path)


class Compiler:
    """Asks the cross compiler."""

    def __init__(self, cc, objcopy):
        self.cc, self.objcopy = cc, objcopy

    def run(self, arguments, source):
        return subprocess.run([*self.cc, *arguments], input=source, capture_output=True, text=True,
                              env=dict(os.environ, LC_ALL='C'), check=False)

    def macros(self, source):
        """Names of the object-like macros, in no order."""
        done = self.run(['-E', '-dM', '-w', '-xc', '-'], source)
        if done.returncode:
            fail('cannot preprocess the headers:\n' + done.stderr[:2000])
        return dict(re.findall(r'^#define (\w+) (.+)$', done.stdout, re.M))

    def values(self, source, expressions):
        """The value of each constant expression; None for one that doesn't compile."""
        left = list(expressions)
        with tempfile.TemporaryDirectory() as folder:
            obj, raw = os.path.join(folder, 'o'), os.path.join(folder, 'b')
            for _ in range(40):
                head = source + '\n#line 1 "expressions"\n'
                lines = [f'__attribute__((section(".ost"), used)) const unsigned long long ost_{i} = '
                         f'(unsigned long long)({e});' for i, e in enumerate(left)]
                done = self.run(['-c', '-w', '-O0', '-fno-toplevel-reorder', '-fmax-errors=0', '-xc', '-', '-o', obj],
                                head + '\n'.join(lines) + '\n')
                if not done.returncode:
                    break
                bad = {int(n) for n in re.findall(r'^expressions:(\d+):(?:\d+:)? error', done.stderr, re.M)}
                if not bad:
                    fail('the headers do not compile:\n' + done.stderr[:3000])
                left = [e for i, e in enumerate(left) if i + 1 not in bad]
            else:
                fail('too many rounds to find the constants that compile')
            if left:
                subprocess.run([*self.objcopy, '-O', 'binary', '-j', '.ost', obj, raw], check=True)
                with open(raw, 'rb') as f:
                    data = f.read()
            else:
                data = b''
        if len(data) != 8 * len(left):
            fail(f'{len(left)} values asked, {len(data)} bytes came')
        found = dict(zip(left, struct.unpack(f'<{len(left)}Q', data)))
        return {e: found.get(e) for e in expressions}

    def include_dirs(self):
        done = self.run(['-E', '-v', '-xc', '-'], '')
        return [x.strip() for x in re.search(r'search starts here:\n(.*?)End of search', done.stderr, re.S)
                .group(1).splitlines() if x.startswith(' ')]


class Description:
    """syscalls.desc, parsed; nothing is resolved yet."""

    def __init__(self, path, abi):
        self.abi = abi
        self.units, self.sets, self.types, self.structs = {}, {}, {}, {}
        self.calls, self.raw, self.numbers, self.renames, self.absent = {}, {}, {}, {}, set()
        self.copies, self.plain = {}, set()
        with open(path, encoding='utf-8') as f:
            self.text = f.read()
        for number, text in self.logical_lines(path):
            self.where = f'{path}:{number}'
            word, _, rest = text.partition(' ')
            name, _, for_abi = word.partition('@')
            handler = getattr(self, 'do_' + name, None)
            if not handler:
                self.bad(f"unknown word '{name}'")
            if not for_abi or self.abi in for_abi.split(','):
                handler(rest.strip())
            elif name == 'struct':
                # The names of structures are the same for each ABI; one that an ABI lacks is empty there.
                self.structs.setdefault(rest.split()[0], None)

    def bad(self, text):
        fail(f'{self.where}: {text}')

    @staticmethod
    def logical_lines(path):
        with open(path, encoding='utf-8') as f:
            current, start = None, 0
            for number, line in enumerate(f, 1):
                line = line.split('#', 1)[0].rstrip()
                if not line.strip():
                    continue
                if line[0].isspace():
                    if current is None:
                        fail(f'{path}:{number}: a continuation of nothing')
                    current += '\n' + line.strip()
                    continue
                if current:
                    yield start, current
                current, start = line, number
            if current:
                yield start, current

    def do_unit(self, rest):
        name, *lines = rest.split('\n')
        first, *more = name.split()
        self.units[first] = more + [w for line in lines for w in line.split()]

    def do_probe(self, rest):
        """C text of our own for a unit: structures that no header has."""
        name, _, text = rest.partition('\n')
        self.units.setdefault('=' + name.strip(), []).append(text)

    def do_set(self, rest):
        words = rest.split()
        if len(words) < 3:
            self.bad('set NAME UNIT PREFIX names...')
        self.sets[words[0]] = (words[1], words[2], words[3:], self.where)

    def do_type(self, rest):
        name, _, expression = rest.partition(' ')
        self.types[name] = expression.strip()

    def do_struct(self, rest):
        head, *lines = rest.split('\n')
        m = re.match(r'(\w+) (\w+) (.+)$', head)
        if not m:
            self.bad('struct NAME UNIT C-TYPE, then its fields')
        self.structs[m[1]] = (m[2], m[3].strip(), [line.split() for line in lines], self.where)

    def do_call(self, rest):
        m = re.match(r'(\w+)(.*?)(?:\s=\s*(.*))?$', rest.replace('\n', ' '))
        self.calls[m[1]] = (m[2].split(), (m[3] or 'int').split(), self.where)

    def do_raw(self, rest):
        for word in rest.split():
            name, _, count = word.partition('/')
            self.raw[name] = int(count)

    def do_rename(self, rest):
        for word in rest.split():
            name, _, shown = word.partition('=')
            self.renames[name] = shown

    def do_absent(self, rest):
        """Calls that the 64-bit kernel doesn't have for 32-bit programs."""
        self.absent |= set(rest.split())

    def do_copy(self, rest):
        head, *lines = rest.split('\n')
        name, *ops = head.split(None, 1)
        self.copies[name] = ([line.split() for line in ops + lines], self.where)

    def do_plain(self, rest):
        self.plain |= set(rest.split())

    def do_number(self, rest):
        for word in rest.split():
            name, _, value = word.partition('=')
            self.numbers[name] = int(value, 0)


class Generator:
    def __init__(self, desc, compiler, abi):
        self.desc, self.compiler, self.abi, self.word = desc, compiler, abi, WORD[abi]
        self.type_rows, self.type_index = [], {}
        self.set_index, self.struct_index = {}, {}
        self.set_rows, self.struct_rows = [], []

    # --- asking -------------------------------------------------------------------------------------------------
    def unit_source(self, unit):
        if unit not in self.desc.units:
            fail(f"no unit '{unit}'")
        source = '#define _GNU_SOURCE\n' + ''.join(
            f'#include <{h}>\n' for h in ['stddef.h', *self.desc.units[unit]])
        return source + '\n'.join(self.desc.units.get('=' + unit, []))

    def ask(self):
        self.values, self.macro_names = {}, {}
        wanted = {unit: [] for unit in self.desc.units if not unit.startswith('=')}
        for unit in wanted:
            self.macro_names[unit] = self.compiler.macros(self.unit_source(unit))
        self.set_names = {}
        for name, (unit, _, words, where) in self.desc.sets.items():
            if unit not in wanted:
                fail(f"{where}: no unit '{unit}'")
            self.set_names[name] = self.expand(unit, words)
            wanted[unit] += [n for n, v in self.set_names[name] if v is None]
        for unit, ctype, fields, _ in filter(None, self.desc.structs.values()):
            wanted[unit].append(f'sizeof({ctype})')
            for field in fields:
                member = self.member(field)
                wanted[unit] += [f'offsetof({ctype}, {member})', f'sizeof((({ctype} *)0)->{member})']
        for unit, expressions in wanted.items():
            expressions = list(dict.fromkeys(expressions))
            self.values[unit] = self.compiler.values(self.unit_source(unit), expressions)
        source = '#include <asm/errno.h>\n#include <asm/unistd.h>\n'
        names = [n for n in self.compiler.macros(source) if re.match(r'E[A-Z0-9]+$|__NR_|__ARM_NR_', n)]
        self.base = self.compiler.values(source, names)

    def expand(self, unit, words):
        """[(name, value or None)] of a set's words."""
        out, drop = [], set()
        for word in words:
            if word.startswith('-'):
                drop.add(word[1:])
            elif '*' in word:
                pattern = re.compile(word.replace('*', r'\w*') + '$')
                out += [(n, None) for n in sorted(self.macro_names[unit]) if pattern.match(n)]
            elif '=' in word:
                name, _, value = word.partition('=')
                out.append((name, int(value, 0)))
            else:
                out.append((word, None))
        seen = set()
        return [(n, v) for n, v in out if n not in drop and not (n in seen or seen.add(n))]

    @staticmethod
    def member(field):
        for word in field[2:]:
            if word.startswith('='):
                return word[1:]
        return field[0]

    # --- types --------------------------------------------------------------------------------------------------
    def type_row(self, kind, size=0, ref='0', elem='0', fn='NULL'):
        row = (kind, size, str(ref), str(elem), fn)
        if row not in self.type_index:
            self.type_index[row] = len(self.type_rows)
            self.type_rows.append(row)
        return self.type_index[row]

    def width(self, text):
        """Bytes of a plain value of that type in memory."""
        text = self.desc.types.get(text, text)
        m = re.match(r'(\w+)', text)
        if m and m[1] in ('int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64'):
            return int(re.sub(r'\D', '', m[1])) // 8
        return WIDTH.get(m[1] if m else '', None) or self.word

    def resolve(self, text, args, where):
        """Index of the type that text says; args: names of the call's arguments for lengths."""
        if text in self.desc.types:
            return self.resolve(self.desc.types[text], args, where)
        if text in self.struct_index:
            return self.type_row('T_STRUCT', 0, self.struct_index[text])
        if text in SCALARS:
            return self.type_row(SCALARS[text])
        if text in ('int64', 'int32', 'int16', 'int8'):
            return self.type_row('T_LONG', int(text[3:]) // 8)
        if text in ('uint64', 'uint32', 'uint16', 'uint8'):
            return self.type_row('T_ULONG', int(text[4:]) // 8)
        if text.startswith('*'):
            inner = text[1:]
            if self.desc.types.get(inner, inner) in self.struct_index:
                return self.type_row('T_STRUCT_PTR', 0, self.struct_index[self.desc.types.get(inner, inner)])
            return self.type_row('T_NUM_PTR', self.width(inner), 0, self.resolve(inner, args, where))
        m = re.match(r'(\w+)\((.*)\)$', text)
        if not m:
            fail(f"{where}: no type '{text}'")
        word, inner = m[1], m[2]
        if word in ('flags', 'longflags', 'enum'):
            if inner not in self.set_index:
                fail(f"{where}: no set '{inner}'")
            return self.type_row('T_ENUM' if word == 'enum' else 'T_FLAGS', 8 if word == 'longflags' else 4,
                                 self.set_index[inner])
        if word in ('special', 'special32'):
            return self.type_row('T_SPECIAL', 4 if word == 'special32' else 8, 0, 0, 'special_' + inner)
        if word == 'buf':
            return self.type_row('T_BUF', 0, self.argument(inner, args, where))
        if word == 'sigset':
            return self.type_row('T_SIGSET', 0, self.argument(inner, args, where))
        if word == 'array':
            elem, _, count = inner.rpartition(',')
            elem = elem.strip()
            return self.type_row('T_ARRAY', self.width(elem), self.argument(count.strip(), args, where),
                                 self.resolve(elem, args, where))
        if word == 'fixed':
            return self.type_row('T_FIXED', self.width(inner), 0, self.resolve(inner, args, where))
        fail(f"{where}: no type '{text}'")
        return None

    @staticmethod
    def argument(name, args, where):
        if name == 'ret':
            return 'REF_RET'
        if name == '':
            return 'REF_NONE'
        if name not in args:
            fail(f"{where}: no argument '{name}'")
        return args.index(name)

    # --- rows ---------------------------------------------------------------------------------------------------
    def make_sets(self):
        for name, (unit, prefix, words, where) in self.desc.sets.items():
            entries = []
            for n, v in self.set_names[name]:
                value = v if v is not None else self.values[unit][n]
                if value is not None:
                    entries.append((value, n))
            is_enum = any(w.endswith('*') for w in words)
            if is_enum:
                entries.sort(key=lambda e: e[0])
            entries = [(v & 0xffffffffffffffff if v < 1 << 63 else v & 0xffffffff, n) for v, n in entries]
            ascending = all(a[0] < b[0] for a, b in zip(entries, entries[1:]))
            self.set_index[name] = len(self.set_rows)
            self.set_rows.append((name, '' if prefix == '-' else prefix, entries, ascending))

    def make_structs(self):
        for i, name in enumerate(self.desc.structs):
            self.struct_index[name] = i
        for name, description in self.desc.structs.items():
            if not description:
                self.struct_rows.append((name, 0, []))
                continue
            unit, ctype, fields, where = description
            values = self.values[unit]
            size = values[f'sizeof({ctype})']
            if size is None:
                fail(f"{where}: the headers have no '{ctype}'")
            rows = []
            for field in fields:
                if len(field) < 2:
                    fail(f"{where}: '{' '.join(field)}' is no field")
                member = self.member(field)
                off, width = values[f'offsetof({ctype}, {member})'], values[f'sizeof((({ctype} *)0)->{member})']
                if off is None:
                    if 'optional' in field:
                        continue
                    fail(f"{where}: '{ctype}' has no '{member}'")
                flags = [f for w, f in (('v', 'FIELD_VERBOSE'), ('device', 'FIELD_DEVICE'),
                                        ('nodevice', 'FIELD_NO_DEVICE'), ('nonzero', 'FIELD_NONZERO'))
                         if w in field[2:]]
                rows.append((field[0], self.resolve(field[1], [], where), off, width, '|'.join(flags) or '0'))
            self.struct_rows.append((name, size, rows))

    def make_calls(self):
        numbers = {}
        for name, value in self.base.items():
            if value is None:
                continue
            if name.startswith('__NR_') and not name.startswith('__NR3264_'):
                numbers[self.desc.renames.get(name[5:], name[5:])] = value
            elif name.startswith('__ARM_NR_') and name not in ('__ARM_NR_BASE',):
                numbers[name[9:]] = value
        for drop in ('SYSCALL_BASE', 'OABI_SYSCALL_BASE', 'syscalls', 'arch_specific_syscall', 'SYSCALL_MASK',
                     'arm_sync_file_range'):
            numbers.pop(drop, None)
        for name, value in self.desc.numbers.items():
            if value not in numbers.values():
                numbers[name] = value
        rows, self.missing = [], []
        for name, nr in sorted(numbers.items(), key=lambda x: x[1]):
            if name in self.desc.calls:
                rows.append(self.call_row(name, nr, *self.desc.calls[name]))
            elif name in self.desc.raw:
                rows.append((name, nr, [], self.desc.raw[name], ['CALL_RAW'], 'RESULT_INT', 'NULL'))
            else:
                self.missing.append(name)
                rows.append((name, nr, [], 6, ['CALL_RAW'], 'RESULT_INT', 'NULL'))
        for row in rows:
            if row[0] in self.desc.absent:
                row[4].append('CALL_NOT_COMPAT')
        if self.missing:
            fail('no line in the description for: ' + ' '.join(self.missing))
        if len({r[1] for r in rows}) != len(rows):
            fail('two calls with one number')
        self.calls = rows

    def call_row(self, name, nr, words, result, where):
        args, reg, names = [], 0, [w.partition(':')[0] for w in words]
        for word in words:
            label, colon, text = word.partition(':')
            if not colon:
                fail(f"{where}: '{word}' is not NAME:TYPE")
            flags = []
            if text.startswith('>'):
                flags, text = ['ARG_OUT'], text[1:]
            if text.startswith('!'):
                flags, text = flags + ['ARG_NAMED'], text[1:]
            place = re.match(r'r(\d)=', text)
            if place:
                reg, text = int(place[1]), text[2 + len(place[1]):]
            if text.startswith('pair('):
                text, pair = text[5:-1], self.word == 4
                flags += ['ARG_PAIR'] if pair else []
                reg += reg & 1 if pair else 0
            args.append((label, self.resolve(text, names, where), reg, '|'.join(flags) or '0'))
            reg += 2 if 'ARG_PAIR' in flags else 1
        if reg > 7:
            fail(f'{where}: more than seven registers')
        flags, form, notes = [], 'RESULT_INT', 'NULL'
        for word in result:
            m = re.match(r'notes\((\w+)\)$', word)
            if m:
                notes = 'result_' + m[1]
            elif word in ('int', 'hex', 'oct', 'never'):
                form = 'RESULT_' + word.upper()
            elif word in ('replaces', 'ends', 'ends_group', 'restart'):
                flags.append('CALL_' + word.upper())
            else:
                fail(f"{where}: unknown result '{word}'")
        return name, nr, args, len(args), flags, form, notes

    # --- ioctls -------------------------------------------------------------------------------------------------
    def make_ioctls(self):
        """Every _IO*() macro of every header that compiles, and the numbers of asm/ioctls.h and linux/sockios.h."""
        roots = ['linux', 'asm', 'asm-generic', 'rdma', 'sound', 'drm', 'mtd', 'misc', 'scsi', 'video', 'xen']
        found, texts = [], {}
        for top in self.compiler.include_dirs():
            for root in roots:
                for folder, _, files in os.walk(os.path.join(top, root)):
                    for name in files:
                        path = os.path.join(folder, name)
                        if not name.endswith('.h'):
                            continue
                        with open(path, encoding='utf-8', errors='replace') as f:
                            text = f.read()
                        if IOCTL.search(text):
                            header = os.path.relpath(path, top)
                            found.append(header)
                            texts[header] = text
        plain = list(PLAIN_IOCTLS)
        head = '#include <stddef.h>\n#include <linux/types.h>\n#include <asm/termbits.h>\n'
        headers = self.compiling(head, sorted(set(found)))
        source = head + ''.join(f'#include <{h}>\n' for h in plain + headers)
        defined = self.compiler.macros(source)
        alias = {n for n, body in defined.items() if body.strip('() ') in defined}
        names = [n for h in headers for n in IOCTL.findall(texts[h]) if n in defined and n not in alias]
        base = []
        for header in plain:
            own = self.own_macros(header)
            base += [n for n in own if re.match(PLAIN_IOCTLS[header], n) and n not in alias]
        names = [n for n in dict.fromkeys(base + names) if not re.match(r'__|_?IOC_|IOCSIZE', n)]
        values = self.compiler.values(source, names)
        by_value = {}
        for name in names:
            value = values[name]
            # Plain numbers that are no ioctls are small.
            if value is not None and 0x100 <= value <= 0xffffffff:
                by_value.setdefault(value, []).append(name)
        self.ioctls = sorted((v, ' or '.join(sorted(n))) for v, n in by_value.items())

    def own_macros(self, header):
        """Names that a header itself, or the generic one it stands for, defines."""
        names = []
        for top in self.compiler.include_dirs():
            for path in (header, header.replace('asm/', 'asm-generic/')):
                path = os.path.join(top, path)
                if os.path.exists(path):
                    with open(path, encoding='utf-8', errors='replace') as f:
                        names += re.findall(r'^[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+\S', f.read(), re.M)
        return list(dict.fromkeys(names))

    def compiling(self, head, headers):
        """The headers that compile together, by halving what doesn't."""
        def good(some):
            source = head + ''.join(f'#include <{h}>\n' for h in some)
            return not self.compiler.run(['-fsyntax-only', '-w', '-xc', '-'], source).returncode

        def add(kept, more):
            if not more or good(kept + more):
                return kept + more
            if len(more) == 1:
                return kept
            half = len(more) // 2
            return add(add(kept, more[:half]), more[half:])
        return add([], headers)

    # --- writing ------------------------------------------------------------------------------------------------
    def write(self, path):
        out = ['// SPDX-License-Identifier: GPL-2.0-or-later',
               '/* Generated by gen.py from syscalls.desc and the headers of the ABI. */',
               '#include "decode/table.h"', '#include "decode/special.h"', '#include "decode/tables.h"', '']
        for name, _, entries, _ in self.set_rows:
            if entries:
                out.append(f'static const struct ost_name set_{name}[] = {{')
                out += [f'\t{{ {v:#x}u, "{n}" }},' if v < 1 << 32 else f'\t{{ {v:#x}ull, "{n}" }},'
                        for v, n in entries]
                out.append('};')
        out.append('static const struct ost_set sets[] = {')
        out += [f'\t{{ "{prefix}", {"set_" + name if entries else "NULL"}, {len(entries)}, '
                f'{"true" if ascending else "false"} }},' for name, prefix, entries, ascending in self.set_rows]
        out.append('};')
        for name, _, rows in self.struct_rows:
            if not rows:
                continue
            out.append(f'static const struct ost_field struct_{name}[] = {{')
            out += [f'\t{{ "{n}", {t}, {o}, {w}, {f} }},' for n, t, o, w, f in rows]
            out.append('};')
        out.append('static const struct ost_struct structs[] = {')
        for name, size, rows in self.struct_rows:
            short = [r for r in rows if 'FIELD_VERBOSE' not in r[4]] or [(None, None, 0, size, None)]
            start, end = min(r[2] for r in short), max(r[2] + r[3] for r in short)
            fields = 'struct_' + name if rows else 'NULL'
            out.append(f'\t{{ {size}, {len(rows)}, {start}, {end}, {fields} }},')
        out.append('};')
        out.append('static const struct ost_type types[] = {')
        out += [f'\t{{ {k}, {s}, {r}, {e}, {fn} }},' for k, s, r, e, fn in self.type_rows]
        out.append('};')
        for name, _, args, _, _, _, _ in self.calls:
            if args:
                out.append(f'static const struct ost_arg args_{name}[] = {{')
                out += [f'\t{{ "{n}", {t}, {r}, {f} }},' for n, t, r, f in args]
                out.append('};')
        out.append('static const struct ost_call calls[] = {')
        out += [f'\t{{ "{name}", {"args_" + name if args else "NULL"}, {count}, {"|".join(flags) or "0"}, {form}, '
                f'{notes}, {nr:#x} }},' for name, nr, args, count, flags, form, notes in self.calls]
        out.append('};')
        top = max(nr for _, nr, *_ in self.calls if nr < 0x10000) + 1
        index = {nr: i + 1 for i, (_, nr, *_) in enumerate(self.calls)}
        out.append('static const uint16_t by_nr[] = {')
        for start in range(0, top, 16):
            out.append('\t' + ' '.join(f'{index.get(n, 0)},' for n in range(start, min(top, start + 16))))
        out.append('};')
        self.write_errors(out)
        out.append('static const struct ost_name ioctls[] = {')
        out += [f'\t{{ {v:#x}u, "{n}" }},' for v, n in self.ioctls]
        out.append('};')
        for name, verbose in (('plan', False), ('plan_verbose', True)):
            blob = Planner(self, verbose).blob()
            out.append(f'static const _Alignas(4) uint8_t {name}[] = {{')
            out += ['\t' + ' '.join(f'{b:#x},' for b in blob[i:i + 20]) for i in range(0, len(blob), 20)]
            out.append('};')
        out += [f'const struct ost_table ost_table_{self.abi} = {{',
                f'\tcalls, {len(self.calls)}, by_nr, {top}, types, sets, structs, errors, n_errors, '
                f'ioctls, {len(self.ioctls)}, {self.word},',
                '\t{ plan, plan_verbose }, { sizeof(plan), sizeof(plan_verbose) },', '};', '']
        write_whole(path, out)

    def write_errors(self, out):
        errors = dict(ERRORS_KERNEL_ONLY)
        for name, value in sorted(self.base.items()):
            if re.match(r'E[A-Z0-9]+$', name) and value is not None and value < 512:
                if value in errors and name in ('EWOULDBLOCK', 'EDEADLOCK'):
                    continue
                errors[value] = (name, os.strerror(value))
        out.append('static const struct ost_error_name errors[] = {')
        out += [f'\t[{v}] = {{ "{n}", "{t}" }},' for v, (n, t) in sorted(errors.items())]
        out += ['};', f'enum {{ n_errors = {max(errors) + 1} }};']

    def write_header(self, path):
        """Names of sets and structures for C: the same for each ABI as they depend on the description alone."""
        out = ['/* SPDX-License-Identifier: GPL-2.0-or-later */',
               '/* Generated by gen.py from syscalls.desc. */', '#ifndef OPENST_DECODE_GEN_H',
               '#define OPENST_DECODE_GEN_H', '', 'enum gen_set {']
        out += [f'\tSET_{n},' for n in self.desc.sets]
        out += ['};', '', 'enum gen_struct {'] + [f'\tSTRUCT_{n},' for n in self.desc.structs]
        out += ['};', '', '#include <stdint.h>', '', 'struct dec;', 'struct ost_value;', '']
        out += [f'void special_{n}(struct dec *d, struct ost_value *parent, const char *name, uint64_t u);'
                for n in sorted(set(re.findall(r'\bspecial(?:32)?\((\w+)\)', self.desc.text)))]
        out += [f'void result_{n}(struct dec *d);'
                for n in sorted(set(re.findall(r'\bnotes\((\w+)\)', self.desc.text)))]
        out += ['', '#endif', '']
        write_whole(path, out)


# Copy plans, base/plan_abi.h: kinds, flags, lengths.
MEM, STRING, BUF, ARRAY, IOVEC, STRINGS, POINTERS, IF_RANGE, IF_EQUAL, IF_ANY = range(10)
INNER, TOTAL_RET, SUCCESS, BITS, LEN32, RESTART, FAILED, PAGES = (1 << i for i in range(8))
LEN_RET, LEN_BEHIND, LEN_WORD, LEN_NONE = 8, 0x10, 0x40, 0x7f
ARG_SP, CALL_SP, PATH_MAX = 7, 1, 4095
PLAN_MAGIC = 0x4e4c5031
PLAN_NUMBERS = 1024
# Numbers of which the kernel takes 32 bits, as in decode.c.
NARROW = {'T_INT', 'T_UINT', 'T_XINT', 'T_UMODE', 'T_MODE', 'T_FD', 'T_DIRFD', 'T_UID', 'T_SIGNAL'}
# Where something points to: a structure has none of these, or its plan would be short of it.
POINTERS_OUT = {'T_PATH', 'T_STR', 'T_BUF', 'T_NUM_PTR', 'T_STRUCT_PTR', 'T_ARRAY', 'T_SIGSET'}


class Planner:
    """What each call's arguments point to, as ops for the stub."""

    def __init__(self, generator, verbose):
        self.g, self.verbose, self.word = generator, verbose, generator.word
        for name, _, rows in generator.struct_rows:
            for field, t, *_ in rows:
                if generator.type_rows[t][0] in POINTERS_OUT:
                    fail(f"structure {name}: no plan for what '{field}' points to")

    def blob(self):
        calls = [c for c in self.g.calls if c[1] < PLAN_NUMBERS]
        numbers = max(c[1] for c in calls) + 1
        start = (8 + 2 * numbers + 3) // 4
        index, places, body = [0] * numbers, {}, b''
        for call in calls:
            plan = self.plan(*call)
            if plan not in places:
                places[plan] = start + len(body) // 4
                body += plan
            index[call[1]] = places[plan]
        head = struct.pack(f'<IHH{numbers}H', PLAN_MAGIC, numbers, start + len(body) // 4, *index)
        return head.ljust(4 * start, b'\0') + body

    def plan(self, name, _, args, count, flags, _form, notes):
        if 'CALL_RAW' in flags:
            return struct.pack('4B', min(count, 7), 0, 0, 0)
        self.args, self.name = args, name
        self.entry, self.exit, self.sp = [], [], 0
        self.registers = max((a[2] + (2 if 'ARG_PAIR' in a[3] else 1) for a in args), default=0)
        for i, arg in enumerate(args):
            self.argument(i, *self.g.type_rows[arg[1]], 'ARG_OUT' in arg[3])
        if f'notes({notes[7:]})' in self.g.desc.copies:
            self.described(f'notes({notes[7:]})', 0, True)
        entry, leave = self.packed(self.entry), self.packed(self.exit)
        return struct.pack('4B', self.registers, len(entry) // 8, len(leave) // 8, self.sp) + entry + leave

    @staticmethod
    def packed(ops):
        """What has the same condition in a row is asked about once."""
        out, i = b'', 0
        while i < len(ops):
            condition, n = ops[i][0], 1
            while i + n < len(ops) and ops[i + n][0] == condition and condition:
                n += 1
            if condition:
                kind, arg, flags, value = condition
                out += struct.pack('<4BI', kind, arg, n, flags, value)
            out += b''.join(struct.pack('<4B2H', *op) for _, op in ops[i:i + n])
            i += n
        return out

    def argument(self, i, kind, size, ref, elem, fn, out):
        reg = self.args[i][2]
        if kind == 'T_SPECIAL':
            name = fn[8:]
            if name in self.g.desc.copies:
                self.described(name, i, out)
            elif size == 8 and name not in self.g.desc.plain:
                fail(f"call {self.name}: special({name}) has no line 'copy', nor is it in one 'plain'")
            return
        if kind == 'T_PATH':
            op = (STRING, LEN_NONE, 0, PATH_MAX)
        elif kind == 'T_STR':
            op = (STRING, LEN_NONE, 0, 0)
        elif kind == 'T_BUF':
            op = (BUF, *self.length_of(ref), 0)
        elif kind == 'T_NUM_PTR':
            op = (MEM, LEN_NONE, 0, size)
        elif kind == 'T_ARRAY':
            row = self.g.type_rows[int(elem)]
            width = self.g.struct_rows[int(row[2])][1] if row[0] == 'T_STRUCT' else size
            op = (ARRAY, *self.length_of(ref), width)
        elif kind == 'T_SIGSET':
            op = (MEM, LEN_NONE, 0, 8) if ref == 'REF_NONE' else (BUF, *self.length_of(ref), 8)
        elif kind == 'T_STRUCT_PTR':
            start, size = self.extent(int(ref))
            if size:
                self.add(out, None, (MEM, reg, LEN_NONE, SUCCESS if out else 0, size, start))
            return
        else:
            return
        self.add(out, None, (op[0], reg, op[1], op[2] | (SUCCESS if out else 0), op[3], 0))

    def add(self, out, condition, op):
        (self.exit if out else self.entry).append((condition, op))

    def extent(self, index):
        """What is shown of a structure: where it begins and how long it is. An address of its own costs 8 bytes."""
        _, size, rows = self.g.struct_rows[index]
        shown = [r for r in rows if self.verbose or 'FIELD_VERBOSE' not in r[4]]
        if not shown or self.verbose:
            return 0, size
        start, end = min(r[2] for r in shown), max(r[2] + r[3] for r in shown)
        return (start, end - start) if start > 8 else (0, end)

    def length_of(self, ref):
        if ref == 'REF_RET':
            return LEN_RET, 0
        return self.args[int(ref)][2], self.narrow(int(ref))

    def narrow(self, index):
        kind, size, *_ = self.g.type_rows[self.args[index][1]]
        return LEN32 if kind in NARROW or (kind in ('T_FLAGS', 'T_ENUM', 'T_SPECIAL') and size == 4) else 0

    # --- lines "copy" ---------------------------------------------------------------------------------------------
    def bytes_of(self, text):
        """8, w (a word), 3w+8."""
        total = 0
        for term in text.split('+'):
            total += int(term[:-1] or 1) * self.word if term.endswith('w') else int(term, 0)
        return total

    def register(self, text, i):
        """The register of an argument: its index, or +n, -n from i. Beyond what the call lists: the register itself."""
        index = i + int(text) if text[0] in '+-' else int(text)
        if index >= len(self.args):
            self.registers = max(self.registers, index + 1)
            return index, 0
        return self.args[index][2], self.narrow(index)

    def length(self, text, i):
        if text == 'ret':
            return LEN_RET, 0
        if text.startswith('*'):
            return LEN_BEHIND + self.register(text[1:], i)[0], LEN32
        if text.startswith('@'):
            offset, _, bits = text[1:].partition(':')
            return LEN_WORD + self.bytes_of(offset) // self.word, LEN32 if bits else 0
        return self.register(text, i)

    def condition(self, text, i):
        m = re.match(r'if\(([-+]?\d)(?:~(\w+))?([=&])(\w+)(?:\.\.(\w+))?\)$', text)
        if not m:
            return None
        arg, low, high = self.register(m[1], i)[0], int(m[4], 0), int(m[5] or m[4], 0)
        ignored = int(m[2] or '0', 0) >> 7
        if m[3] == '&':
            return IF_ANY, arg, ignored, low
        if high > 0xffff:
            return IF_EQUAL, arg, ignored, low
        return IF_RANGE, arg, ignored, low | high << 16

    def described(self, name, i, out):
        ops, where = self.g.desc.copies[name]
        for words in ops:
            self.one(list(words), i, out, where)

    def one(self, words, i, out, where):
        condition, arg, at, flags = None, self.args[i][2] if i < len(self.args) else i, 0, 0
        if words[0].startswith('if'):
            condition = self.condition(words[0], i)
            if not condition:
                fail(f"{where}: no condition '{words[0]}'")
            del words[0]
        if words[0] in ('in', 'out'):
            out = words.pop(0) == 'out'
        if words[0] == 'inner':
            flags, at, arg = INNER, self.bytes_of(words[1]), 0
            del words[:2]
        elif words[0] == 'from':
            base, _, offset = words[1].partition('@')
            at = self.bytes_of(offset) if offset else 0
            if base == 'sp':
                arg, self.sp = ARG_SP, CALL_SP
            else:
                arg = self.register(base, i)[0]
            del words[:2]
        when = {'always': 0, 'restart': RESTART, 'failed': FAILED}
        flags |= TOTAL_RET if 'total' in words[1:] else 0
        flags |= next((when[w] for w in words[1:] if w in when), SUCCESS if out else 0)
        m = re.match(r'(\w+)(?:\((.*)\))?$', words[0])
        found = self.kind(m[1], m[2].split(',') if m[2] else [], i) if m else None
        if not found:
            fail(f"{where}: cannot copy '{words[0]}'")
        kind, length, more, size, start = found
        if size is not None:
            self.add(out, condition, (kind, arg, length, flags | more, size, at + start))

    def kind(self, word, inner, i):
        """Kind, length, flags, size (None: nothing there), and what is added to the address."""
        if word == 'mem':
            return MEM, LEN_NONE, 0, self.bytes_of(inner[-1 if self.verbose else 0]), 0
        if word == 'struct':
            start, size = self.extent(self.g.struct_index[self.g.desc.types.get(inner[0], inner[0])])
            return MEM, LEN_NONE, 0, size or None, start
        if word in ('string', 'path', 'strings', 'envp'):
            kind = {'strings': STRINGS, 'envp': STRINGS if self.verbose else POINTERS}.get(word, STRING)
            return kind, LEN_NONE, 0, {'path': PATH_MAX, 'envp': PATH_MAX + 1}.get(word, 0), 0
        if word in ('buf', 'bits'):
            return BUF, *self.combine(inner[0], i, BITS if word == 'bits' else 0), int(inner[1]) if inner[1:] else 0, 0
        if word == 'array':
            return ARRAY, *self.combine(inner[1], i, 0), self.bytes_of(inner[0]), 0
        if word == 'pages':
            return ARRAY, *self.combine(inner[0], i, PAGES), 1, 0
        return (IOVEC, *self.combine(inner[0], i, 0), 0, 0) if word == 'iov' else None

    def combine(self, text, i, flags):
        length, more = self.length(text, i)
        return length, more | flags


def main():
    p = argparse.ArgumentParser(description='make the decoder\'s tables')
    p.add_argument('--abi', required=True, choices=sorted(WORD))
    p.add_argument('--cc', required=True)
    p.add_argument('--objcopy')
    p.add_argument('--desc', required=True)
    p.add_argument('--header', help='also write the names of sets and structures')
    p.add_argument('--summary', action='store_true')
    p.add_argument('-o', dest='output', help='the C file; without it nothing is written')
    a = p.parse_args()
    cc = a.cc.split()
    gcc = next((w for w in cc if re.search(r'gcc(-\d+)?$', w)), cc[0])
    objcopy = (a.objcopy or re.sub(r'gcc(-\d+)?$', 'objcopy', gcc)).split()
    desc = Description(a.desc, a.abi)
    g = Generator(desc, Compiler(cc, objcopy), a.abi)
    g.ask()
    g.make_sets()
    g.make_structs()
    g.make_calls()
    g.make_ioctls()
    if a.output:
        g.write(a.output)
    if a.header:
        g.write_header(a.header)
    if a.summary:
        full = [c for c in g.calls if 'CALL_RAW' not in c[4]]
        print(f'{len(g.calls)} calls, {len(full)} decoded, {sum(len(s[2]) for s in g.set_rows)} constants, '
              f'{len(g.struct_rows)} structures, {len(g.ioctls)} ioctls, '
              f'plans of {len(Planner(g, False).blob())} bytes')
        for name, _, entries, _ in g.set_rows:
            have = {n for _, n in entries}
            lost = [n for n, _ in g.set_names[name] if n not in have]
            if lost:
                print(f'set {name}: not in the headers: {" ".join(lost)}')


if __name__ == '__main__':
    main()
