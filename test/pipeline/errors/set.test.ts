import { describe, expect, it } from 'vitest';
import { ok, shown } from './shown.ts';

describe('wrong: --set', () => {
  it('a value', () => {
    expect(shown(ok, ['sinks.out.format=jsn'])).toMatchInlineSnapshot(`
      "exit 78
      --set:1:18: error: sinks.out.format must be one of text, json, not "jsn"
        sinks.out.format=jsn
                         ^^^
        Did you mean "json"?
      p.yaml has an error"
    `);
  });

  it('a key', () => {
    expect(shown(ok, ['sinks.out.formt=json'])).toMatchInlineSnapshot(`
      "exit 78
      --set:1:1: error: Unknown key "formt" at sinks.out
        sinks.out.formt=json
        ^^^^^^^^^^^^^^^
        Did you mean "format"?
      p.yaml has an error"
    `);
  });

  it('an id', () => {
    expect(shown(ok, ['sinks.uot.format=json'])).toMatchInlineSnapshot(`
      "exit 78
      --set:1:1: error: Missing key "type" at sinks.uot
        sinks.uot.format=json
        ^^^^^^^^^^^^^^^^
        What it is: \`falco-pipe list\` names the types of sources, operators and sinks.
      p.yaml has an error"
    `);
  });

  it('a type', () => {
    expect(shown(ok, ['sinks.out.type=fil'])).toMatchInlineSnapshot(`
      "exit 78
      --set:1:16: error: There is no sink of type "fil"
        sinks.out.type=fil
                       ^^^
        Did you mean "file"?
      p.yaml has an error"
    `);
  });

  it('the last one counts', () => {
    expect(shown(ok, ['operators.calm.limit=x', 'operators.calm.limit=-1'])).toMatchInlineSnapshot(`
      "exit 78
      --set:2:22: error: operators.calm.limit must be at least 0, not -1
        operators.calm.limit=-1
                             ^^
        Events that pass in one window.
      p.yaml has an error"
    `);
  });

  it('a value inside a map that was set', () => {
    expect(shown(ok, ['operators.calm={type: throttle, from: past, limit: ten}'])).toMatchInlineSnapshot(`
      "exit 78
      --set:1:16: error: operators.calm.limit must be a number, not "ten"
        operators.calm={type: throttle, from: past, limit: ten}
                       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        Events that pass in one window.
      p.yaml has an error"
    `);
  });

  it('an element of a list', () => {
    expect(shown(ok, ['sources.past.files=[a, b]', 'sources.past.files.1=5'])).toMatchInlineSnapshot(`
      "exit 78
      --set:2:22: error: sources.past.files.1 must be text, not 5
        sources.past.files.1=5
                             ^
      p.yaml has an error"
    `);
  });

  it('nothing at all', () => {
    expect(shown(ok, ['sinks.out.format='])).toMatchInlineSnapshot(`
      "exit 78
      --set:1:18: error: sinks.out.format must be one of text, json, not empty
        sinks.out.format=
                         ^
      p.yaml has an error"
    `);
  });

  it('no equals sign', () => {
    expect(shown(ok, ['sinks.out.format'])).toMatchInlineSnapshot(`
      "exit 2
      --set:1:1: error: An argument of --set has the form a.b=value
        sinks.out.format
        ^^^^^^^^^^^^^^^^
      p.yaml has an error"
    `);
  });

  it('no YAML', () => {
    expect(shown(ok, ['sinks.out.from=[calm'])).toMatchInlineSnapshot(`
      "exit 2
      --set:1:1: error: The value of --set sinks.out.from is no YAML: Flow sequence must end with a ]
        sinks.out.from=[calm
        ^^^^^^^^^^^^^^^^^^^^
      p.yaml has an error"
    `);
  });

  it('below a text', () => {
    expect(shown(ok, ['sinks.out.type.x=1'])).toMatchInlineSnapshot(`
      "exit 2
      --set:1:1: error: --set cannot put a value at sinks.out.type.x: what is above it is neither a map nor a list
        sinks.out.type.x=1
        ^^^^^^^^^^^^^^^^^^
      p.yaml has an error"
    `);
  });

  it('in an empty file', () => {
    expect(shown('', ['sinks.out.format=json'])).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:1:1: error: Missing key "sources"
        
        ^
        Where events come from, by id.
      --set:1:1: error: Missing key "type" at sinks.out
        sinks.out.format=json
        ^^^^^^^^^^^^^^^^
        What it is: \`falco-pipe list\` names the types of sources, operators and sinks.
      p.yaml has 2 errors"
    `);
  });

  it('good ones', () => {
    expect(
      shown(ok, ['sinks.out.format=json', 'operators.calm.limit=5', 'sources.past.files.0=/dev/zero', 'state=/tmp/x']),
    ).toMatchInlineSnapshot(`"ok"`);
  });
});
