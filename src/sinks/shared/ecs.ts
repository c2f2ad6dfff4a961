/** An alert as a document of Elastic Common Schema (mapping: spec/ecosystem.md §7). */

import type { Value } from '../../core/event.ts';
import type { Alert } from '../../events/alert.ts';
import { rfc3339 } from '../../events/time.ts';
import { byPriority, fieldText, firstOf, jsonOf, presentFields, tagsOf } from './json.ts';

/** Where a value goes in ECS, and the fields that may have it, best first. */
const MAPPING: readonly (readonly [path: string, ...fields: string[]])[] = [
  ['event.action', 'evt.type', 'ct.name'],
  ['process.pid', 'proc.pid'],
  ['process.name', 'proc.name'],
  ['process.executable', 'proc.exepath'],
  ['process.command_line', 'proc.cmdline'],
  ['process.working_directory', 'proc.cwd'],
  ['process.tty.name', 'proc.tty'],
  ['process.parent.pid', 'proc.ppid'],
  ['process.parent.name', 'proc.pname'],
  ['process.parent.command_line', 'proc.pcmdline'],
  ['user.name', 'user.name', 'ct.user'],
  ['user.id', 'user.uid'],
  ['source.ip', 'fd.cip', 'ct.srcip'],
  ['source.port', 'fd.cport'],
  ['destination.ip', 'fd.sip'],
  ['destination.port', 'fd.sport'],
  ['network.transport', 'fd.l4proto'],
  ['container.id', 'container.id'],
  ['container.name', 'container.name'],
  ['container.image.name', 'container.image.repository', 'container.image'],
  ['orchestrator.namespace', 'k8s.ns.name', 'ka.target.namespace'],
  ['orchestrator.resource.name', 'k8s.pod.name', 'ka.target.name'],
  ['cloud.region', 'ct.region'],
];

/** Numbers that ECS has as text. */
const AS_TEXT: ReadonlySet<string> = new Set(['user.id']);

/** event.severity: higher is worse, syslog's levels turned around. */
const SEVERITY: Record<string, number> = {
  Emergency: 7,
  Alert: 6,
  Critical: 5,
  Error: 4,
  Warning: 3,
  Notice: 2,
  Informational: 1,
  Debug: 0,
};

/** A document for JSON.stringify; output fields that ECS has no place for are below `falco.output_fields`. */
export function ecsDocument(alert: Alert): object {
  const tags = tagsOf(alert);
  const values: [string, unknown][] = MAPPING.flatMap(([path, ...fields]): [string, unknown][] => {
    const value = firstOf(alert, ...fields);
    return value === undefined ? [] : [[path, AS_TEXT.has(path) ? String(value) : jsonOf(value)]];
  });
  const file = fileOf(alert);
  const techniques = tags.filter((tag) => /^T\d{4}(\.\d{3})?$/.test(tag));
  const tactics = tags.filter((tag) => tag.startsWith('mitre_')).map((tag) => tag.slice('mitre_'.length));
  return nested([
    ['@timestamp', rfc3339(alert.time)],
    ['ecs.version', '8.17.0'],
    ['message', fieldText(alert, 'output')],
    ['event.kind', 'alert'],
    ['event.module', 'falco'],
    ['event.dataset', `falco.${fieldText(alert, 'source')}`],
    ['event.id', alert.id],
    ['event.severity', byPriority(alert, SEVERITY, 0)],
    ['log.level', fieldText(alert, 'priority').toLowerCase()],
    ['rule.name', fieldText(alert, 'rule')],
    ['host.hostname', fieldText(alert, 'hostname')],
    ['tags', tags],
    ...values,
    ...(file === undefined ? [] : [['file.path', jsonOf(file)] as const]),
    ...(techniques.length > 0 ? [['threat.technique.id', techniques] as const] : []),
    ...(tactics.length > 0 ? [['threat.tactic.name', tactics] as const] : []),
    ...related(alert),
    ['falco.priority', fieldText(alert, 'priority')],
    ['falco.output_fields', Object.fromEntries(presentFields(alert).map(([name, value]) => [name, jsonOf(value)]))],
  ]);
}

// fd.name is a path only where the descriptor is a file's.
function fileOf(alert: Alert): Value | undefined {
  const name = firstOf(alert, 'fd.realpath', 'fd.name');
  return typeof name === 'string' && name.startsWith('/') ? name : undefined;
}

function related(alert: Alert): [string, unknown][] {
  const all = (...names: string[]) => {
    const values = names.map((name) => firstOf(alert, name)).filter((value) => typeof value === 'string');
    return [...new Set(values)];
  };
  const kinds: [string, unknown[]][] = [
    ['related.ip', all('fd.cip', 'fd.sip', 'ct.srcip')],
    ['related.user', all('user.name', 'user.loginname', 'ct.user')],
    ['related.hosts', all('hostname')],
  ];
  return kinds.filter(([, values]) => values.length > 0);
}

function nested(entries: readonly (readonly [string, unknown])[]): object {
  const root: Record<string, unknown> = {};
  for (const [path, value] of entries) {
    const parts = path.split('.');
    const last = parts.pop() as string;
    let node = root;
    for (const part of parts) node = (node[part] ??= {}) as Record<string, unknown>;
    node[last] = value;
  }
  return root;
}
