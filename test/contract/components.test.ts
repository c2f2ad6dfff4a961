/** What every component keeps to, whoever wrote it: those that come with the program are found by themselves. */

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { z } from 'zod';
import { renderDiagnostic, UserError } from '../../src/core/errors.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { pipelineSchema } from '../../src/pipeline/plan/json-schema.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import { builtIn } from '../../src/pipeline/plan/registry.ts';
import { componentShape, type Section, sectionKeys } from '../../src/pipeline/plan/shape.ts';
import { accepts, flaws, type Schema } from './json-schema.ts';

type Properties = Record<string, Record<string, unknown>>;

const registry = builtIn();
const sections = ['sources', 'operators', 'sinks'] as const;
const components = sections.flatMap((section) =>
  [...registry[section].values()].map((definition) => ({ section, definition })),
);
const schema = pipelineSchema(registry) as {
  properties: Record<Section, { additionalProperties: { oneOf: Schema[] } }>;
};
// Paths of examples start where the shipped pipelines are.
const pipelines = fileURLToPath(new URL('../../pipelines/', import.meta.url));

function schemaOf(section: Section, type: string): { properties: Properties } {
  const found = schema.properties[section].additionalProperties.oneOf.filter(
    (each) => (each as { title?: string }).title === type,
  );
  expect(found).toHaveLength(1);
  return found[0] as { properties: Properties };
}

/** A whole pipeline around one component, with whatever it reads from. */
function around(section: Section, yaml: string): Record<Section, Record<string, { from?: string | string[] }>> {
  const example = parse(yaml) as Record<string, { from?: string | string[] }>;
  const ids = Object.keys(example);
  expect(ids).toHaveLength(1);
  const wanted = [example[ids[0] as string]?.from ?? []].flat();
  const pipeline = { sources: {}, operators: {}, sinks: {}, [section]: example } as ReturnType<typeof around>;
  for (const id of wanted) {
    if (id === 'detect')
      pipeline.operators.detect = { type: 'rules', from: 'node', files: '../rules/host.yaml' } as object;
    else pipeline.sources[id] = { type: 'replay', files: '/dev/null' } as object;
  }
  if (pipeline.operators.detect) pipeline.sources.node ??= { type: 'replay', files: '/dev/null' } as object;
  if (section !== 'sinks') pipeline.sinks.last = { type: 'stdout', from: ids } as object;
  return pipeline;
}

/** The errors of a plan, but for files that an example only names. */
function errorsOf(pipeline: object): string[] {
  try {
    planPipeline(PipelineDocument.parse(`${pipelines}example.yaml`, JSON.stringify(pipeline)), registry);
    return [];
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const wrong = error.diagnostics.filter(({ code }) => code !== 'CONFIG_FILE');
    return wrong.map((diagnostic) => renderDiagnostic(diagnostic, error.texts));
  }
}

it('there are components of every kind, each type once', () => {
  for (const section of sections) {
    const types = components.filter((each) => each.section === section).map(({ definition }) => definition.type);
    expect(types.length).toBeGreaterThan(1);
    expect(new Set(types).size).toBe(types.length);
  }
});

describe.each(
  components.map(({ section, definition }) => [`${section}: ${definition.type}`, section, definition] as const),
)('%s', (_name, section, definition) => {
  const shape = componentShape(section, definition.type, definition.config);
  const { properties } = schemaOf(section, definition.type);
  const [example] = definition.examples;

  it('has a snake_case type and says in a sentence what it is', () => {
    expect(definition.type).toMatch(/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/);
    expect(definition.summary).toMatch(/^[A-Z].*[a-z`)]\.$/);
  });

  it('has keys in snake_case, none of which is one that its section has', () => {
    const own = Object.keys((definition.config as z.ZodObject).shape);
    for (const key of own) expect(key).toMatch(/^[a-z0-9]+(_[a-z0-9]+)*$/);
    expect(own.filter((key) => key === 'type' || key in sectionKeys[section])).toEqual([]);
  });

  it('says of every key what it is, in a sentence, also inside of keys', () => {
    const silent = (inner: Properties, path: string): string[] =>
      Object.entries(inner).flatMap(([key, value]) => {
        const text = value.description;
        const told = key === 'type' || (typeof text === 'string' && /^[A-Za-z`].*\.$/s.test(text));
        return [
          ...(told ? [] : [`${path}${key}`]),
          ...silent((value.properties ?? {}) as Properties, `${path}${key}.`),
        ];
      });
    expect(silent(properties, '')).toEqual([]);
  });

  it('has its defaults in the JSON Schema, which are what the program takes', () => {
    const pipeline = around(section, example?.yaml ?? '');
    const given = Object.values(pipeline[section])[0] as Record<string, unknown>;
    const parsed = shape.parse(given) as Record<string, unknown>;
    for (const [key, value] of Object.entries(parsed)) {
      if (key in given || value === undefined) continue;
      expect(properties[key], `${key} has a default that the schema does not tell`).toHaveProperty('default');
      expect(shape.parse({ ...given, [key]: properties[key]?.default })).toEqual(parsed);
    }
  });

  it('refuses keys that it does not know, as its schema does', () => {
    const pipeline = around(section, example?.yaml ?? '');
    const id = Object.keys(parse(example?.yaml ?? ''))[0] as string;
    pipeline[section][id] = { ...pipeline[section][id], unheard_of: 1 } as object;
    expect(errorsOf(pipeline).join('\n')).toContain(`Unknown key "unheard_of" at ${section}.${id}`);
    expect(accepts(schema, pipeline)).toBe(false);
  });

  it.each(definition.examples.map(({ title, yaml }) => [title, yaml] as const))('example: %s', (title, yaml) => {
    expect(title).toMatch(/^\S.*[^.]$/);
    const pipeline = around(section, yaml);
    expect(errorsOf(pipeline)).toEqual([]);
    expect(accepts(schema, pipeline)).toBe(true);
    expect(Object.values(pipeline[section])).toContainEqual(expect.objectContaining({ type: definition.type }));
  });

  it('has an example', () => {
    expect(definition.examples.length).toBeGreaterThan(0);
  });
});

describe('the JSON Schema of pipelines', () => {
  it('is one of draft 2020-12', () => {
    expect(schema).toMatchObject({ $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'object' });
    expect(flaws(schema)).toEqual([]);
  });

  it('accepts the shipped pipelines, which name it', () => {
    const files = readdirSync(pipelines).filter((name) => /^\w+\.yaml$/.test(name));
    expect(files.length).toBeGreaterThan(1);
    for (const file of files) {
      const text = readFileSync(pipelines + file, 'utf8');
      expect(text).toMatch(/^# yaml-language-server: \$schema=\.\.\/schema\/pipeline\.schema\.json\n/);
      expect(accepts(schema, parse(text)), file).toBe(true);
    }
  });

  it('refuses what the program refuses', () => {
    const good = parse(readFileSync(`${pipelines}demo.yaml`, 'utf8'));
    const bad: object[] = [
      { ...good, sinks: undefined },
      { ...good, sink: {} },
      { ...good, sinks: { out: { type: 'stdout' } } },
      { ...good, sinks: { out: { type: 'nothing', from: 'detect' } } },
      { ...good, sinks: { 'my out': { type: 'stdout', from: 'detect' } } },
      { ...good, sinks: { out: { type: 'stdout', from: 'detect', format: 'xml' } } },
      { ...good, sinks: { out: { type: 'stdout', from: 'detect', timeout: '5 seconds' } } },
      { ...good, sinks: { out: { type: 'stdout', from: 'detect', queue: { events: 0 } } } },
    ];
    for (const each of bad) {
      const pipeline = JSON.parse(JSON.stringify(each));
      expect(accepts(schema, pipeline)).toBe(false);
      expect(errorsOf(pipeline)).not.toEqual([]);
    }
  });
});
