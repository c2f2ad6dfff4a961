/** The operator `enrich`: fields are added that are looked up, in a table, a MaxMind DB file or the DNS. */

import { z } from 'zod';
import { bound, change, defineOperator, type Edge, type OperatorContext, stream } from '../../core/component.ts';
import { duration, wait } from '../../core/config.ts';
import { messageOf } from '../../core/errors.ts';
import { type EventRecord, recordForm } from '../../events/record.ts';
import { cataloguesOn } from '../shared/catalogues.ts';
import { boundKey, type EdgeKey, key, keyOn, keyReads } from '../shared/key.ts';
import { type Table, tableOn } from '../shared/table.ts';
import { namesOf } from './dns.ts';
import { follow, Mmdb } from './mmdb.ts';

const dns = z
  .strictObject({
    timeout: wait().prefault('1s').describe('How long an event waits for a name; then it goes on without.'),
    cache: z.int().min(1).default(10_000).describe('Addresses whose names are kept.'),
    keep: duration().prefault('10m').describe('How long a name is kept; that there is none, a tenth of it.'),
    servers: z
      .array(z.string().min(1))
      .default([])
      .describe('Servers to ask: ADDRESS or ADDRESS:PORT. Default: those of the system.'),
  })
  .describe('Looks up the names of addresses (PTR); they are the column `name`.');

const config = z
  .strictObject({
    key: key().describe('The field whose value is looked up; by event source where they differ.'),
    table: z
      .string()
      .min(1)
      .optional()
      .describe(
        'A file: CSV with a line of column names, a JSON array of objects, or a JSON object of objects by key.',
      ),
    column: z
      .string()
      .min(1)
      .optional()
      .describe("The table's column that the key is looked for in. Default: the first; of a JSON object its keys."),
    dns: dns.optional(),
    mmdb: z
      .string()
      .min(1)
      .optional()
      .describe('A MaxMind DB file of addresses; its columns are paths in its records: `country.iso_code`.'),
    refresh: wait().prefault('1m').describe('How often it is looked whether the `mmdb` file was replaced.'),
    fields: z
      .record(
        z.string().regex(/^[a-z]\w*(\.\w+)+$/, 'a field is words joined by dots (asset.owner)'),
        z.string().min(1),
      )
      .describe('The fields to add, each with the column that it comes from: `{ asset.owner: owner }`.'),
  })
  .refine(
    ({ table, dns, mmdb }) => [table, dns, mmdb].filter((each) => each !== undefined).length === 1,
    'Name a `table`, an `mmdb` file or `dns`, one of them',
  );

type Added = Readonly<Record<string, string>>;

interface State {
  readonly key: EdgeKey;
  /** Fields to add, by the value of the key. */
  readonly table: Table;
  readonly mmdb: Mmdb | undefined;
}

export const enrich = defineOperator<typeof config, State>({
  type: 'enrich',
  summary:
    'Adds fields that are looked up in a table, a MaxMind DB file or the DNS; rules and conditions below may use them.',
  config,
  examples: [
    {
      title: 'Who owns a host, for rules below',
      yaml: 'owned: { type: enrich, from: node, table: assets.csv, key: evt.hostname, fields: { asset.owner: owner, asset.tier: tier } }',
    },
    {
      title: 'The country of the other end of a connection',
      yaml: 'placed: { type: enrich, from: detect, mmdb: /var/lib/GeoIP/GeoLite2-Country.mmdb, key: fd.sip, fields: { geo.country: country.iso_code } }',
    },
    {
      title: 'The name of the server that a process has connected to',
      yaml: 'named: { type: enrich, from: detect, dns: {}, key: fd.sip, fields: { server.name: name } }',
    },
  ],
  provides({ fields, table, mmdb }) {
    const from = table ?? mmdb ?? 'the DNS';
    return Object.entries(fields).map(([name, column]) => ({ name, doc: `The column ${column} of ${from}.` }));
  },
  prepare(options, edge) {
    const found = keyOn(edge, options.key);
    for (const name of Object.keys(options.fields)) checkName(name, edge);
    const reads = keyReads(edge, found);
    if (options.mmdb !== undefined) {
      const mmdb = databaseOn(options.mmdb, options.fields, edge);
      return { state: { key: found, table: new Map(), mmdb }, reads, notes: { database: mmdb?.title ?? '' } };
    }
    const { table: path, column, fields } = options;
    const table =
      path === undefined ? checkDns(fields, edge) : tableOn(edge, { table: path, column, fields }, ['table']);
    return { state: { key: found, table, mmdb: undefined }, reads, notes: { rows: table.size } };
  },
  create(options, ctx) {
    const { key: own, table, mmdb } = ctx.state;
    if (options.dns) {
      const names = Object.keys(options.fields);
      const failed = (event: EventRecord, error: unknown) => ctx.failed(event, error, `the key of ${ctx.id}`);
      return stream(namesOf({ ...options.dns, key: own, fields: names, metrics: ctx.metrics, failed }));
    }
    if (mmdb) void follow(mmdb, options.refresh, ctx);
    const look = mmdb ? lookOrCount(mmdb, ctx) : (value: string) => table.get(value);
    const found = ctx.metrics.counter('found');
    return bound((_form, source) => {
      // A change is given records only, whatever came.
      const keyOf = boundKey(own, recordForm, source);
      return change((event) => {
        const record = event as EventRecord;
        const added = look(keyOf(record));
        if (!added) return record;
        found.value++;
        return record.with({ ...record.fields, ...added });
      });
    });
  },
});

// A damaged file must not cost an event: it goes on without.
function lookOrCount(
  mmdb: Mmdb,
  ctx: Pick<OperatorContext, 'metrics' | 'log'>,
): (address: string) => Added | undefined {
  const errors = ctx.metrics.counter('errors', 'lookup');
  return (address) => {
    try {
      return mmdb.find(address);
    } catch (error) {
      if (errors.value++ === 0) ctx.log.warn(`${mmdb.path} could not be looked into: ${messageOf(error)}`);
      return undefined;
    }
  };
}

function databaseOn(path: string, fields: Readonly<Record<string, string>>, edge: Edge): Mmdb | undefined {
  try {
    return new Mmdb(edge.resolve(path), fields);
  } catch (error) {
    const message = `Cannot read ${path}: ${messageOf(error)}`;
    edge.report({ severity: 'error', code: 'CONFIG_FILE', message }, ['mmdb']);
    return undefined;
  }
}

// What an operator above has added as text may be filled here too: several tables for one field.
function checkName(name: string, edge: Edge): void {
  const others = edge.provided.filter((each) => each.name !== name || (each.type ?? 'text') !== 'text');
  const known = cataloguesOn({ provided: others });
  const taken = edge.sources.find((source) => known.get(source)?.find(name));
  if (taken === undefined) return;
  const message = `${taken} events have a field "${name}" already`;
  edge.report({ severity: 'error', code: 'CONFIG_FIELD', message, hint: 'Call it otherwise.' }, ['fields', name]);
}

function checkDns(fields: Readonly<Record<string, string>>, edge: Edge): Table {
  for (const [name, column] of Object.entries(fields)) {
    if (column === 'name') continue;
    const message = `The DNS has no column "${column}": it has "name" only`;
    edge.report({ severity: 'error', code: 'CONFIG_FIELD', message }, ['fields', name]);
  }
  return new Map();
}
