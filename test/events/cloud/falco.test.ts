/** Falco's cloud rules over real records, where the reference data lies beside the repository. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { catalogues } from '../../../src/events/catalogue.ts';
import { type CloudSourceName, decodeDocument } from '../../../src/events/cloud/decode.ts';
import { type CloudEvent, cloudForm } from '../../../src/events/cloud/event.ts';
import { bindRules, type LoadResult, loadRules } from '../../../src/rules/index.ts';

const shared = fileURLToPath(new URL('../../../../shared/', import.meta.url));
const cloud = `${shared}data/cloud/`;
const there = existsSync(cloud);
if (!there)
  process.stderr.write("SKIPPED: tests of Falco's cloud rules over ../shared/data/cloud, which is not there\n");

const read = (path: string) => readFileSync(path, 'utf8');

function load(paths: readonly string[]): LoadResult {
  return loadRules(
    paths.map((path) => ({ name: path, content: read(path) })),
    { catalogues },
  );
}

/** What is no event of the source counts as none, as in Falco. */
function eventsOf(source: CloudSourceName, document: unknown): readonly CloudEvent[] {
  const decoded = decodeDocument(source, document, 1n);
  return 'event' in decoded ? [decoded.event] : [];
}

/** The names of the rules that each document hits. */
function judge(source: CloudSourceName, rules: LoadResult['rules'], documents: readonly unknown[]): string[][] {
  const bound = bindRules(
    rules.filter((rule) => rule.source === source),
    cloudForm(source),
    { matching: 'all' },
  );
  return documents.map((document) => {
    const names: string[] = [];
    for (const event of eventsOf(source, document)) {
      bound.judge(
        event,
        ({ name }) => names.push(name),
        (rule, error) => {
          throw new Error(`${rule.name}: ${String(error)}`);
        },
      );
    }
    return names;
  });
}

function recordsOf(folder: string): readonly unknown[] {
  const path = `${cloud}cloudtrail/${folder}`;
  if (folder === 'panther') {
    const lines = read(`${path}/labelled.jsonl`).trim().split('\n');
    return lines.map((line) => JSON.parse(line).event);
  }
  const files = readdirSync(path).filter((name) => name.endsWith('.json'));
  return files.sort().flatMap((name) => {
    const content = JSON.parse(read(`${path}/${name}`));
    return content.Records ?? (Array.isArray(content) ? content : [content]);
  });
}

describe.runIf(there)("Falco's CloudTrail rules", () => {
  const rules = there ? load([`${shared}data/rules/aws_cloudtrail_rules.yaml`]) : undefined;

  test('load unchanged', () => {
    expect(rules?.diagnostics).toEqual([]);
    expect(rules?.rules).toHaveLength(22);
  });

  test('hit what they hit by hand', () => {
    const expected = JSON.parse(read(`${cloud}cloudtrail/falco_rules_expected_hits.json`));
    const disabled = 'List Buckets (disabled)';
    const all = (rules as LoadResult).rules.map((rule) => ({
      ...rule,
      enabled: rule.name !== 'All Cloudtrail Events',
    }));
    const found: Record<string, unknown[]> = Object.fromEntries(Object.keys(expected.hits).map((name) => [name, []]));
    for (const corpus of Object.keys(expected.totals)) {
      const records = recordsOf(corpus) as { eventID?: string }[];
      expect(records).toHaveLength(expected.totals[corpus]);
      judge('aws_cloudtrail', all, records).forEach((names, index) => {
        for (const name of names) {
          const key = name === 'List Buckets' ? disabled : name;
          (found[key] ??= []).push([corpus, index, records[index]?.eventID ?? null]);
        }
      });
    }
    expect(found).toEqual(expected.hits);
    expect(Object.values(found).flat()).toHaveLength(59);
  });
});

interface Regression {
  readonly test: string;
  readonly trace: string;
  readonly detect: boolean;
  readonly level: string | null;
  readonly counts: Readonly<Record<string, number>>;
  readonly rules: readonly string[];
}

const regression = `${cloud}k8saudit/falco-regression/`;
const cases: readonly Regression[] = there ? JSON.parse(read(`${regression}expected.json`)) : [];

/** Rules that have been renamed since. */
const renamed: Readonly<Record<string, string>> = {
  'K8s Role/Clusterrole Created': 'K8s ClusterRole Created',
  'K8s Role/Clusterrole Deleted': 'K8s ClusterRole Deleted',
  'K8s Role/Clusterrolebinding Created': 'K8s ClusterRoleBinding Created',
  'K8s Role/Clusterrolebinding Deleted': 'K8s ClusterRoleBinding Deleted',
};

/** Lists to which files of the tests add, which Falco's own file had then. Its rules for Kubernetes call them otherwise now. */
const former = ['sensitive_mount_images', 'privileged_images', 'hostnetwork_images'];

function rulesFiles(paths: readonly string[]) {
  const content = former.map((list) => `- list: falco_${list}\n  items: []\n`).join('');
  return [{ name: 'former.yaml', content }, ...paths.map(rulesFile)];
}

function rulesFile(path: string): { readonly name: string; readonly content: string } {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const official = name === 'falco_rules.yaml' || name === 'k8s_audit_rules.yaml';
  const content = read(official ? `${shared}data/rules/${name}` : `${regression}${path}`);
  // `contains` of a list was an error only once a check of it was reached; now it is one at once.
  const mended = content.replace('rules.resources contains "pods/exec"', 'rules.resources intersects ("pods/exec")');
  const adds = name === 'trust_nginx_container.yaml';
  return { name, content: adds ? `${mended}\n${mended.replaceAll('list: falco_', 'list: k8s_audit_')}` : mended };
}

const loads = new Map<string, LoadResult>();

/** Most tests have the same rules. */
function loadOnce(rules: readonly string[]): LoadResult {
  const key = rules.join();
  const loaded = loads.get(key) ?? loadRules(rulesFiles(rules), { catalogues });
  loads.set(key, loaded);
  return loaded;
}

describe.runIf(there)("Falco's regression tests of Kubernetes audit", () => {
  test('are all there', () => expect(cases).toHaveLength(66));

  test.each(cases.map((each) => [each.test, each] as const))('%s', (_, { trace, counts, rules, detect }) => {
    const loaded = loadOnce(rules);
    expect(loaded.diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
    const documents = read(`${regression}${trace}`)
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => JSON.parse(line));
    const hits = judge('k8s_audit', loaded.rules, documents).flat();
    for (const [name, count] of Object.entries(counts)) {
      const now = renamed[name] ?? name;
      expect(hits.filter((hit) => hit === now || hit === name)).toHaveLength(count);
    }
    expect(hits.length > 0).toBe(detect);
  });
});

test.runIf(there)("Falco's Kubernetes rules load unchanged", () => {
  const { diagnostics, rules } = load([`${shared}data/rules/k8s_audit_rules.yaml`]);
  expect(diagnostics).toEqual([]);
  expect(rules).toHaveLength(48);
});
