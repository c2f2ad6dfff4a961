import { describe, expect, it } from 'vitest';
import { ok, shown } from './shown.ts';

/** Nine levels of nine aliases each. */
function bomb(): string {
  const letters = [...'abcdefghi'];
  const level = (letter: string, index: number) =>
    `${letter}: &${letter} [${Array(9).fill(index === 0 ? 'x' : `*${letters[index - 1]}`)}]\n`;
  return letters.map(level).join('');
}

describe('wrong: YAML', () => {
  it('a list instead of a map', () => {
    expect(shown('- a\n- b\n')).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:1:1: error: A pipeline file must be a map, not a list
        - a
        ^^^
      p.yaml has an error"
    `);
  });

  it('a bracket that is not closed', () => {
    expect(shown(ok.replace('limit: 10 }', 'limit: 10'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:5:1: error: Flow map in block collection must be sufficiently indented and end with a }
        sinks:
        ^
        Is a { or [ above still open? The keys of one map begin in the same column.
      p.yaml has an error"
    `);
  });

  it('a colon in a text', () => {
    expect(
      shown(ok.replace('limit: 10', 'limit: 10').replace('[/dev/null] }', 'x }').replace('past: {', 'past: a: {')),
    ).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:2:9: error: A value ends here and another begins
          past: a: { type: replay, files: x }
                ^
        Quote a text with ": " in it; put the keys of one map in the same column.
      p.yaml has an error"
    `);
  });

  it('a key without a colon', () => {
    expect(shown(ok.replace('sinks:', 'sinks'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:5:1: error: This key has no colon
        sinks
        ^^^^^
        Write key: value.
      p.yaml has an error"
    `);
  });

  it('a key that stands twice', () => {
    expect(shown(ok.replace('limit: 10', 'limit: 10, limit: 11'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:4:50: error: The key "limit" stands twice in this map
          calm: { type: throttle, from: past, limit: 10, limit: 11 }
                                                         ^^^^^
        Keep one of them.
      p.yaml has an error"
    `);
  });

  it('tabs', () => {
    expect(shown('sources:\n\tpast: { type: replay }\n')).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:2:1: error: This line is indented with a tab
         past: { type: replay }
        ^
        Indent with spaces.
      p.yaml has an error"
    `);
  });

  it('a second document', () => {
    expect(shown(`${ok}---\n${ok}`)).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:7:1: error: A second document begins here
        ---
        ^^^
        A pipeline file has one; give each pipeline a file of its own.
      p.yaml has an error"
    `);
  });

  it('an alias without its anchor', () => {
    expect(shown('sources: *all\n')).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:1:10: error: There is no anchor &all above this alias
        sources: *all
                 ^^^^
        A text that begins with * must be quoted.
      p.yaml has an error"
    `);
  });

  it('aliases that blow up', () => {
    expect(shown(bomb())).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:1:1: error: Its aliases (*name) expand to more than can be read: Excessive alias count indicates a resource exhaustion attack
        a: &a [x,x,x,x,x,x,x,x,x]
        ^
      p.yaml has an error"
    `);
  });
});
