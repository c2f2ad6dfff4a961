import { describe, expect, test } from 'vitest';
import { parseDocument } from 'yaml';
import { type Diagnostic, renderDiagnostic } from '../../../src/core/errors.ts';
import { compileCondition, compileFormat, RuleError, scalarPlace } from '../../../src/rules/index.ts';
import { catalogue, load, rule } from '../support.ts';

/** The text of the file that a diagnostic underlines. */
function underlined(content: string, { at }: Pick<Diagnostic, 'at'>): string | undefined {
  const line = at && content.split('\n')[at.line - 1];
  return line?.slice(at ? at.column - 1 : 0, at ? at.column - 1 + (at.length ?? 1) : 0);
}

function only(content: string): Diagnostic {
  const { diagnostics } = load(content);
  expect(diagnostics.map(({ message }) => message)).toHaveLength(1);
  return diagnostics[0] as Diagnostic;
}

const head = '# a comment\n- rule: r1\n  desc: d\n  output: o\n  priority: INFO\n';

describe('a wrong field is underlined where it is written', () => {
  test.each([
    ['in a plain scalar', '  condition: evt.type=openat and proc.nmae=cat\n'],
    ['in a plain scalar of two lines', '  condition: evt.type=openat\n    and   proc.nmae=cat\n'],
    ['in a folded scalar', '  condition: >\n    evt.type=openat\n    and\n\n    proc.nmae=cat\n'],
    [
      'in a folded scalar with deeper lines',
      '  condition: >-\n    evt.type=openat\n      and (proc.pid=1\n      or proc.nmae=cat)\n',
    ],
    ['in a literal scalar', '  condition: |\n    evt.type=openat\n    and proc.nmae=cat\n'],
    [
      'in double quotes',
      '  condition: "evt.type=openat and proc.cmdline=\\"\\u00e9 \\x41\\" and\\\n    \\ proc.nmae=cat"\n',
    ],
    ['in double quotes over lines', '  condition: "evt.type=openat\n\n    and proc.nmae=cat"\n'],
    ['in single quotes', "  condition: 'evt.type=openat and proc.cmdline=''x y'' and proc.nmae=cat'\n"],
    ['after letters of two units', '  condition: evt.type=openat and proc.cmdline="😀é" and proc.nmae=cat\n'],
    ['with a comment after the block header', '  condition: > # why\n    evt.type=openat and\n    proc.nmae=cat\n'],
  ])('%s', (_, condition) => {
    const content = head + condition;
    const diagnostic = only(content);
    expect(underlined(content, diagnostic)).toBe('proc.nmae');
    expect(diagnostic).toMatchObject({ code: 'LOAD_ERR_COMPILE_CONDITION', hint: 'Did you mean proc.name?' });
    expect(diagnostic.via).toEqual(["in rule 'r1', defined at rules.yaml:2:3"]);
  });

  test('in a macro, with the way there', () => {
    const macros = '- macro: inner\n  condition: proc.nmae=cat\n- macro: outer\n  condition: not inner\n';
    const content = `${macros}${head}  condition: evt.type=openat and outer\n`;
    const diagnostic = only(content);
    expect(underlined(content, diagnostic)).toBe('proc.nmae');
    expect(diagnostic.at).toMatchObject({ line: 2, column: 14 });
    expect(diagnostic.via).toEqual([
      'in macro inner, defined at rules.yaml:1:3',
      'in macro outer, defined at rules.yaml:3:3',
      "in rule 'r1', defined at rules.yaml:6:3",
    ]);
  });

  test('in a macro that two others lead to: each rule has its own way there', () => {
    const macros =
      '- macro: inner\n  condition: fd.name regex "^abc$" and fd.net in (10.0.0.0/8)\n' +
      '- macro: a\n  condition: (inner or inner)\n- macro: b\n  condition: not inner\n';
    const content = `${macros}${rule({ condition: 'evt.type=openat and a' })}${rule({ condition: 'evt.type=openat and b' }, 'r2')}`;
    const ways = load(content).diagnostics.map((diagnostic) => {
      expect(underlined(content, diagnostic)).toBe('"^abc$"');
      return diagnostic.via?.map((step) => step.split(',')[0]);
    });
    const [inner, a, b] = ['in macro inner', 'in macro a', 'in macro b'];
    expect(ways).toEqual([
      [inner, a, "in rule 'r1'"],
      [inner, a, "in rule 'r1'"],
      [inner, b, "in rule 'r2'"],
    ]);
  });

  test('of an event type, in a macro', () => {
    const content = `- macro: opens\n  condition: evt.type in (open, opnat)\n${head}  condition: proc.name=a and not (fd.num=1 or opens)\n`;
    const diagnostic = only(content);
    expect(diagnostic.message).toBe('unknown event type opnat');
    expect(diagnostic.via?.[0]).toBe('in macro opens, defined at rules.yaml:1:3');
  });

  test('of a field, among the items of a list that names another', () => {
    const lists = '- list: l\n  items: [1, m]\n- list: m\n  items: [2, x2]\n';
    const content = `${lists}${head}  condition: evt.type=openat and proc.pid in (0, l, 3)\n`;
    const diagnostic = only(content);
    expect(underlined(content, diagnostic)).toBe('x2');
    expect(diagnostic.via?.[0]).toBe('in list m, defined at rules.yaml:3:3');
  });

  test('in an appended condition', () => {
    const content = `${head}  condition: evt.type=openat\n- rule: r1\n  condition: >\n    and\n    proc.nmae=cat\n  override: {condition: append}\n`;
    expect(underlined(content, only(content))).toBe('proc.nmae');
  });
});

describe('a wrong value is underlined where it is written', () => {
  test('in a list', () => {
    const content = `- list: pids\n  items: [1, x2]\n${head}  condition: evt.type=openat and proc.pid in (pids)\n`;
    const diagnostic = only(content);
    expect(underlined(content, diagnostic)).toBe('x2');
    expect(diagnostic.message).toBe('x2 is not a valid number');
    expect(diagnostic.via?.[0]).toBe('in list pids, defined at rules.yaml:1:3');
  });

  test('in an exception', () => {
    const content = `${head}  condition: evt.type=openat\n  exceptions:\n    - name: e\n      fields: [proc.pid]\n      values: [[1], [x2]]\n`;
    const diagnostic = only(content);
    expect(underlined(content, diagnostic)).toBe('x2');
    expect(diagnostic.via).toEqual(['in exception e', "in rule 'r1', defined at rules.yaml:2:3"]);
  });

  test('in an output', () => {
    const content =
      '- rule: r1\n  desc: d\n  condition: evt.type=openat\n  priority: INFO\n  output: >\n    opened %proc.name\n    by %user.nmae here\n';
    const diagnostic = only(content);
    expect(underlined(content, diagnostic)).toBe('%user.nmae');
    expect(diagnostic).toMatchObject({ code: 'LOAD_ERR_COMPILE_OUTPUT', hint: 'Did you mean %user.name?' });
  });

  test('in an output that is appended by the configuration, at the output', () => {
    const content = `${head}  condition: evt.type=openat\n`;
    const { diagnostics } = load(content, { appendOutput: [{ extraOutput: '%no.field' }] });
    expect(diagnostics[0]?.at).toMatchObject({ file: 'rules.yaml', line: 4 });
  });
});

test('a diagnostic shows the line with a caret under the place', () => {
  const content = `${head}  condition: evt.type=openat and proc.pid=abc\n`;
  expect(renderDiagnostic(only(content), [{ name: 'rules.yaml', text: content }])).toBe(
    [
      'rules.yaml:6:43: error: abc is not a valid number',
      '    condition: evt.type=openat and proc.pid=abc',
      `${' '.repeat(44)}^^^`,
      "  in rule 'r1', defined at rules.yaml:2:3",
    ].join('\n'),
  );
});

describe('a condition outside rules files', () => {
  test('has its place in its own text', () => {
    const error = catchError(() => compileCondition('t.i = 1\n  and t.nosuch = 2', catalogue));
    expect(error.diagnostics[0]?.at).toEqual({ file: 'condition', line: 2, column: 7, length: 8 });
    expect(error.exit).toBe(78);
  });

  test('each thing that is wrong with it has its own', () => {
    const inCondition = catchError(() => compileCondition('t.no = 1 and not (t.i = x or t.i = 2)', catalogue));
    expect(inCondition.diagnostics.map(({ at }) => at?.column)).toEqual([1, 25]);
    const inFormat = catchError(() => compileFormat('%t.no %t.i %toupper(t.no) %', catalogue));
    expect(inFormat.diagnostics.map(({ at }) => at?.column)).toEqual([1, 12, 27]);
    expect(inFormat.message.match(/error:/g)).toHaveLength(3);
  });

  test('or in the file that its caller names', () => {
    const content = 'where: >\n  t.i = 1 and\n  t.nosuch = 2\n';
    const node = parseDocument(content).get('where', true);
    const place = scalarPlace('pipeline.yaml', content, node);
    const error = catchError(() => compileCondition('t.i = 1 and t.nosuch = 2\n', catalogue, { place }));
    expect(underlined(content, error.diagnostics[0] as Diagnostic)).toBe('t.nosuch');
  });

  test('behind its last word where something is missing', () => {
    const content = 'where: >\n  t.i = 1\n  and\nnext: 1\n';
    const node = parseDocument(content).get('where', true);
    const options = { place: scalarPlace('p.yaml', content, node) };
    const error = catchError(() => compileCondition('t.i = 1 and\n', catalogue, options));
    expect(error.diagnostics[0]).toMatchObject({ at: { line: 3, column: 6 }, hint: "Nothing follows 'and'." });
  });

  test('parse errors point at what does not fit', () => {
    const error = catchError(() => compileCondition('t.i = 1 AND t.s = 2', catalogue));
    expect(error.diagnostics[0]).toMatchObject({
      message: "unexpected token after '1', expecting 'or', 'and'",
      hint: 'Keywords are written in lower case: and, or, not.',
      at: { column: 9, length: 3 },
    });
  });
});

function catchError(action: () => unknown): RuleError {
  try {
    action();
  } catch (error) {
    if (error instanceof RuleError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
