/** The format `ocsf`: findings of the Open Cybersecurity Schema Framework, class Detection Finding (spec/ecosystem.md §7). */

import { z } from 'zod';
import { packageVersion } from '../../core/package.ts';
import { type Alert, alertJson } from '../../events/alert.ts';
import { byPriority, fieldText, firstOf, jsonOf, milliseconds, presentFields, tagsOf, textOf } from '../shared/json.ts';
import { defineFormat, JSON_TYPE } from './format.ts';

const SEVERITIES: Record<string, number> = {
  Debug: 1,
  Informational: 1,
  Notice: 2,
  Warning: 3,
  Error: 4,
  Critical: 5,
  Alert: 6,
  Emergency: 6,
};

export const ocsf = defineFormat({
  type: 'ocsf',
  summary: 'OCSF Detection Findings (class 2004), as a JSON array.',
  options: z.strictObject({}),
  create: () => ({
    most: Number.POSITIVE_INFINITY,
    encode: (alerts) => ({ path: '/', headers: JSON_TYPE, body: JSON.stringify(alerts.map(finding)) }),
  }),
});

function finding(alert: Alert): object {
  const time = milliseconds(alert);
  const techniques = tagsOf(alert).filter((tag) => /^T\d{4}(\.\d{3})?$/.test(tag));
  const attacks = techniques.map((uid) => ({ technique: { uid } }));
  return {
    class_uid: 2004,
    class_name: 'Detection Finding',
    category_uid: 2,
    category_name: 'Findings',
    activity_id: 1,
    activity_name: 'Create',
    type_uid: 200401,
    status_id: 1,
    severity_id: byPriority(alert, SEVERITIES, 0),
    severity: fieldText(alert, 'priority'),
    time,
    message: fieldText(alert, 'output'),
    count: 1,
    finding_info: {
      uid: alert.id,
      title: fieldText(alert, 'rule'),
      desc: fieldText(alert, 'output'),
      created_time: time,
      first_seen_time: time,
      last_seen_time: time,
      types: tagsOf(alert),
      analytic: { name: fieldText(alert, 'rule'), type_id: 1, type: 'Rule' },
      ...(attacks.length > 0 ? { attacks } : {}),
    },
    metadata: {
      version: '1.1.0',
      uid: alert.id,
      product: { name: 'falco-pipe', vendor_name: 'falco-pipe', version: packageVersion },
    },
    device: { hostname: fieldText(alert, 'hostname'), type_id: 0 },
    evidences: [evidence(alert)],
    observables: observables(alert),
    raw_data: alertJson(alert, { iso8601: true }),
  };
}

// Keys whose fields are absent are left out.
function evidence(alert: Alert): object {
  const file = firstOf(alert, 'fd.realpath', 'fd.name');
  const isPath = typeof file === 'string' && file.startsWith('/');
  const user = some(alert, { name: ['user.name', 'ct.user'], uid: ['user.uid'] });
  const process = some(alert, {
    pid: ['proc.pid'],
    name: ['proc.name'],
    cmd_line: ['proc.cmdline'],
    parent_process: undefined,
  });
  const parent = some(alert, { pid: ['proc.ppid'], name: ['proc.pname'], cmd_line: ['proc.pcmdline'] });
  return {
    ...(process ? { process: { ...process, ...(parent ? { parent_process: parent } : {}) } } : {}),
    ...(user ? { actor: { user: 'uid' in user ? { ...user, uid: String(user.uid) } : user } } : {}),
    ...(isPath ? { file: { path: file, name: file.slice(file.lastIndexOf('/') + 1), type_id: 0 } } : {}),
    ...group(alert, 'src_endpoint', { ip: ['fd.cip', 'ct.srcip'], port: ['fd.cport'] }),
    ...group(alert, 'dst_endpoint', { ip: ['fd.sip'], port: ['fd.sport'] }),
    ...group(alert, 'api', { operation: ['ct.name', 'ka.verb'] }),
  };
}

type Wanted = Readonly<Record<string, readonly string[] | undefined>>;

function some(alert: Alert, wanted: Wanted): Record<string, unknown> | undefined {
  const entries = Object.entries(wanted).flatMap(([key, fields]) => {
    const value = fields && firstOf(alert, ...fields);
    return value === undefined ? [] : [[key, jsonOf(value)] as const];
  });
  return entries.length > 0 ? Object.fromEntries(entries) : undefined;
}

function group(alert: Alert, name: string, wanted: Wanted): object {
  const found = some(alert, wanted);
  return found ? { [name]: found } : {};
}

const HOSTNAME = 1; // observable type ids of OCSF
const OTHER = 99;

function observables(alert: Alert): object[] {
  const fields = presentFields(alert).filter(([, value]) => !Array.isArray(value));
  return [
    { name: 'hostname', type_id: HOSTNAME, value: fieldText(alert, 'hostname') },
    ...fields.map(([name, value]) => ({ name, type_id: OTHER, value: textOf(value) })),
  ];
}
