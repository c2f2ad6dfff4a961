import { describe, expect, test } from 'vitest';
import { load, rule } from '../support.ts';

/** What is said of an item that changes the rule before it: in Falco's words, and in ours. */
function said(item: string): { falco: string | undefined; ours: string | undefined; hint: string | undefined } {
  const { files, diagnostics } = load(`${rule()}- rule: r1\n  ${item}\n`);
  return {
    falco: files[0]?.errors[0]?.message,
    ours: diagnostics[0]?.message,
    hint: diagnostics[0]?.hint,
  };
}

describe('what is wrong with an override', () => {
  test.each([
    ['priority', 'replace ', 'Write replace.'],
    ['condition', 'append replace ', 'Write append or replace.'],
    ['source', '', "Key 'source' cannot be overridden."],
  ])('the operation for %s', (key, allowed, hint) => {
    expect(said(`${key}: x\n  override: {${key}: prepend}`)).toEqual({
      falco: `Invalid override operation for key '${key}': 'prepend'. Allowed values are: ${allowed}`,
      ours: `'prepend' is not an override operation for '${key}'`,
      hint,
    });
  });

  test.each([
    ['append', 'condition', 'An append'],
    ['replace', 'priority', 'A replace'],
  ])('%s without a value', (operation, key, beginning) => {
    const rest = `override for '${key}' was specified but '${key}' is not defined`;
    expect(said(`override: {${key}: ${operation}}`)).toMatchObject({
      falco: `An ${operation} ${rest}`,
      ours: `${beginning} ${rest}`,
    });
  });

  test('a key that is none', () => {
    expect(said('condition: and x\n  override: {conditions: append}')).toEqual({
      falco: "Key 'conditions' cannot be appended to, use 'replace' instead",
      ours: "'conditions' is no key that can be overridden",
      hint: 'Did you mean condition?',
    });
  });

  test('of several keys that it does not name, the first by the alphabet', () => {
    const { falco } = said('condition: and x\n  output: o\n  desc: d\n  override: {condition: append}');
    expect(falco).toBe("Unexpected key 'desc': no corresponding entry under 'override' is defined.");
  });
});

describe('what is changed and is not there', () => {
  test.each([
    ['an unexpected key', '- rule: r2\n  desc: d\n  output: o\n  override: {desc: append}\n'],
    ['nothing to append', '- rule: r2\n  append: true\n'],
  ])('comes before %s, as in Falco', (_, item) => {
    const [file] = load(rule() + item).files;
    const message = "Rule uses 'append' or 'override.<key>: append' but no rule by that name already exists";
    expect(file?.errors.map((error) => error.message)).toEqual([message]);
  });

  test.each([
    ['- rule: r2\n  condition: and x\n  override: {condition: append}\n', 'Did you mean r1?'],
    ['- rule: r2\n  condition: x\n  override: {condition: replace}\n', 'Did you mean r1?'],
    ['- rule: r2\n  enabled: false\n', 'Did you mean r1?'],
    ['- rule: something else\n  enabled: false\n', 'It is defined before, or in a file before.'],
    ['- list: shelss\n  items: [a]\n  override: {items: append}\n', 'Did you mean shells?'],
    ['- macro: shel\n  condition: and x\n  override: {condition: append}\n', 'Did you mean shell?'],
  ])('%j', (item, hint) => {
    const defined = '- list: shells\n  items: [sh]\n- macro: shell\n  condition: proc.name in (shells)\n';
    const { diagnostics } = load(defined + rule() + item);
    expect(diagnostics[0]).toMatchObject({ code: 'LOAD_ERR_VALIDATE', hint });
  });
});
