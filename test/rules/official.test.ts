/** Falco's own rules files, where they lie beside the repository. */

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { catalogues, makeCatalogue } from '../../src/events/catalogue.ts';
import type { Field, FieldType } from '../../src/events/field.ts';
import { anyEventFields } from '../../src/events/syscall/event-fields.ts';
import { loadRules } from '../../src/rules/index.ts';
import { parseCondition } from '../../src/rules/syntax/parser.ts';
import { sharedJson } from '../events/shared.ts';
import { exactText } from './exact-text.ts';

const folder = fileURLToPath(new URL('../../../shared/data/rules/', import.meta.url));
const names = ['falco_rules.yaml', 'falco-incubating_rules.yaml', 'falco-sandbox_rules.yaml'];
const there = names.every((name) => existsSync(folder + name));
if (!there) process.stderr.write("SKIPPED: tests over Falco's rules, which are not there\n");

test.each(['host', 'k8s', 'aws', 'azure', 'vcloud'])(
  'nothing in our rules for %s looks like a list that is not there',
  (name) => {
    const content = readFileSync(new URL(`../../rules/${name}.yaml`, import.meta.url), 'utf8');
    expect(loadRules([{ name, content }], { catalogues }).diagnostics).toEqual([]);
  },
);

describe.runIf(there)("Falco's rules", () => {
  const result = there
    ? loadRules(
        names.map((name) => ({ name, content: readFileSync(folder + name, 'utf8') })),
        { catalogues },
      )
    : loadRules([], { catalogues });

  test('load whole and unchanged', () => {
    expect(result.diagnostics).toEqual([]);
    expect(result.files.every(({ schema }) => schema.valid === true)).toBe(true);
    expect(result.rules).toHaveLength(93);
    expect(result.rules.filter(({ enabled }) => enabled)).toHaveLength(81);
  });

  test.each(['k8s_audit_rules', 'aws_cloudtrail_rules', 'okta_rules', 'github'])(
    'nothing in %s looks like a list that is not there',
    (name) => {
      const content = readFileSync(`${folder}${name}.yaml`, 'utf8');
      const { diagnostics } = loadRules([{ name, content }], { catalogues });
      expect(diagnostics.filter(({ message }) => message.includes('is not the name of a list'))).toEqual([]);
    },
  );

  test('have event types, all of them', () => {
    expect(result.rules.filter(({ condition }) => condition.eventTypes === 'all').map(({ name }) => name)).toEqual([]);
  });

  test('print as conditions that parse to the same', () => {
    for (const { condition } of result.rules) {
      const printed = exactText(condition.ast);
      expect(exactText(parseCondition(printed, { maxDepth: 1000 }))).toBe(printed);
    }
  });
});

interface PluginField {
  readonly name: string;
  readonly type: string;
  readonly isList: boolean;
  readonly arg?: { readonly isRequired: boolean; readonly isIndex: boolean; readonly isKey: boolean };
}

interface PluginData {
  readonly event_source: string;
  readonly version: string;
  readonly fields: readonly PluginField[];
}

const plugins = (sharedJson('data/falco/plugin_fields.json')?.plugins ?? {}) as Readonly<Record<string, PluginData>>;
const types: Readonly<Record<string, FieldType>> = {
  uint64: 'UINT64',
  bool: 'BOOL',
  reltime: 'RELTIME',
  abstime: 'ABSTIME',
  ipaddr: 'IPADDR',
  ipnet: 'IPNET',
};

function pluginField({ name, type, isList, arg }: PluginField): Field {
  return {
    name,
    type: types[type] ?? 'CHARBUF',
    doc: '',
    class: 'plugin',
    ...(isList ? { list: true } : {}),
    ...(arg?.isRequired || arg?.isIndex || arg?.isKey
      ? { arg: arg.isRequired ? 'required' : 'optional', argKind: arg.isIndex ? 'index' : 'key' }
      : {}),
  };
}

describe.runIf(Object.keys(plugins).length > 0)("The rules of Falco's plugins load, given the plugins' fields", () => {
  test.each([
    ['aws_cloudtrail_rules.yaml', 'cloudtrail', 22],
    ['k8s_audit_rules.yaml', 'k8saudit', 48],
    ['okta_rules.yaml', 'okta', 21],
    ['github.yaml', 'github', 15],
  ])('%s', (name, plugin, count) => {
    const source = plugins[plugin]?.event_source ?? '';
    const fields = [plugin, 'json'].flatMap((each) => plugins[each]?.fields ?? []).map(pluginField);
    const result = loadRules([{ name, content: readFileSync(folder + name, 'utf8') }], {
      catalogues: new Map([[source, makeCatalogue(source, [...anyEventFields, ...fields])]]),
      plugins: Object.entries(plugins).map(([each, { version }]) => ({ name: each, version })),
    });
    expect(result.diagnostics).toEqual([]);
    expect(result.rules).toHaveLength(count);
  });
});
