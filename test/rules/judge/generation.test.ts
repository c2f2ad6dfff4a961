/** What generated functions are made of: never of the text of a rule, and never too much for V8. */

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Value } from '../../../src/events/field.ts';
import { compileCondition, compileFormat } from '../../../src/rules/index.ts';
import { catalogue, eventOf, form, load, rule } from '../support.ts';

const root = join(import.meta.dirname, '../../..');
const fixtures = join(import.meta.dirname, '../fixtures');

/** Runs a module of the fixtures in a Node.js with these flags; the rules files are its arguments. */
function run(script: string, flags: readonly string[], files: readonly string[] = []): string {
  return execFileSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', ...flags, join(fixtures, script), ...files],
    {
      encoding: 'utf8',
      maxBuffer: 1 << 30,
    },
  );
}

const official = ['falco_rules.yaml', 'falco-incubating_rules.yaml', 'falco-sandbox_rules.yaml']
  .map((name) => join(root, '../shared/data/rules', name))
  .filter((path) => existsSync(path));

describe('generated functions', () => {
  // V8 no longer optimises a function of 61,440 bytes of bytecode.
  test('have less than 40 KB of bytecode', { timeout: 120_000 }, () => {
    const printed = run(
      'judge-every-type.ts',
      ['--print-bytecode', '--print-bytecode-filter=match'],
      [join(root, 'rules/host.yaml'), ...official],
    );
    const sizes = [...printed.matchAll(/^Bytecode length: (\d+)$/gm)].map(([, size]) => Number(size));
    // Twelve come of our rules alone.
    expect(sizes.length).toBeGreaterThan(official.length > 0 ? 20 : 10);
    expect(Math.max(...sizes)).toBeLessThan(40 * 1024);
  });

  test('are not used where code generation from strings is forbidden', () => {
    const files = [join(root, 'rules/host.yaml')];
    const usual = run('judge-every-type.ts', [], files);
    expect(JSON.parse(usual)).toMatchObject({ generates: true });
    const forbidden = run('judge-every-type.ts', ['--disallow-code-generation-from-strings'], files);
    expect(JSON.parse(forbidden)).toEqual({ ...(JSON.parse(usual) as object), generates: false });
  });
});

/** Each would set a global, or be a syntax error, if it were read as code. */
const attempts = [
  '");globalThis.injected=1;("',
  "');globalThis.injected=1;('",
  '`;globalThis.injected=1;`',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it must not become one.
  '${globalThis.injected=1}',
  '\\");globalThis.injected=1;//',
  'a\\b',
  '\u2028globalThis.injected=1//',
  '\u2029',
  '*/globalThis.injected=1/*',
  '</script><script>',
  '__proto__',
  'constructor',
  '\ud800',
  '0]||(globalThis.injected=1)||[0',
];

const quote = (text: string) => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;

/** Whether the condition holds for the value, by the generated function; nothing may have been run meanwhile. */
function holds(condition: string, field: string, value: Value): boolean {
  const result = compileCondition(condition, catalogue).bind(form, {}, 'generated')(eventOf({ [field]: value }));
  expect(globalThis).not.toHaveProperty('injected');
  return result;
}

describe('text that looks like code', () => {
  test.each(attempts)('is no more than text in a condition: %j', (text) => {
    for (const operator of ['=', 'contains', 'startswith', 'endswith', '= anyof', 'in', 'pmatch']) {
      const right = ['= anyof', 'in', 'pmatch'].includes(operator) ? `(${quote(text)}, other)` : quote(text);
      expect(holds(`t.s ${operator} ${right}`, 't.s', text)).toBe(true);
      expect(holds(`t.s ${operator} ${right} and t.s != ${quote(text)}`, 't.s', text)).toBe(false);
    }
    expect(holds(`t.s in (${quote(text)}, a) and not t.s in (b, c)`, 't.s', text)).toBe(true);
    expect(holds(`t.list in (${quote(text)})`, 't.list', [text])).toBe(true);
    expect(holds(`concat(t.s, ${quote(text)}) = ${quote(`a${text}`)}`, 't.s', 'a')).toBe(true);
    expect(holds(`t.anc = ${quote(text)}`, 't.anc', [text])).toBe(true);
  });

  test.each(attempts)('is no more than text in a list, an argument and a format: %j', (text) => {
    const item = JSON.stringify(text).replaceAll('\u2028', '\\L').replaceAll('\u2029', '\\P');
    const argument = /["'\]\s]/.test(text) ? 'NAME' : text;
    const condition = `'evt.type=openat and proc.name in (l) and proc.env[${argument.replaceAll("'", "''")}] = 1'`;
    const result = load(
      `- list: l\n  items: [${item}, x]\n${rule({ condition, output: JSON.stringify(`o ${text} %proc.name`) })}`,
    );
    for (const each of result.rules) {
      const event = eventOf({ 'proc.name': 'x', [`proc.env[${argument}]`]: '1' }, 'openat');
      each.condition.bind(form, { eventType: 'openat' }, 'generated')(event);
      each.output.bind(form).text(event);
    }
    expect(
      compileFormat(`${text} %t.s`.replaceAll('%{', '{'), catalogue)
        .bind(form)
        .text(eventOf({ 't.s': 'v' })),
    ).toContain('v');
    expect(globalThis).not.toHaveProperty('injected');
  });

  test('the attempts are heard where text is code', () => {
    new Function(`("${attempts[0]}")`)();
    expect(globalThis).toHaveProperty('injected', 1);
    Reflect.deleteProperty(globalThis, 'injected');
  });
});

test('official rules are there to measure', () => {
  // Said aloud when they are not: the size of the functions is then only known for our rules.
  if (official.length === 0)
    console.warn("the reference data is not beside the repository: Falco's rules were left out");
  expect(readFileSync(join(root, 'rules/host.yaml'), 'utf8')).toContain('- rule:');
});
