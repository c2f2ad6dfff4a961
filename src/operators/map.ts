/** The operator `map`: fields are added, replaced or taken away. */

import { z } from 'zod';
import { bound, change, defineOperator, type Edge } from '../core/component.ts';
import type { Value } from '../core/event.ts';
import { type EventRecord, recordForm } from '../events/record.ts';
import { compileFormat, type Format, RuleError } from '../rules/index.ts';
import { cataloguesOn } from './shared/catalogues.ts';

const config = z
  .strictObject({
    set: z
      .record(z.string().min(1), z.string().min(1))
      .default({})
      .describe(
        "Fields to set, each to a format as in a rule's output: `who: '%user.name on %evt.hostname'`. Absent values print <NA>.",
      ),
    remove: z.array(z.string().min(1)).default([]).describe('Fields to take away.'),
  })
  .refine(
    ({ set, remove }) => Object.keys(set).length + remove.length > 0,
    'Nothing is mapped: name fields under `set` or `remove`',
  );

type Formats = ReadonlyMap<string, ReadonlyMap<string, Format>>;

export const map = defineOperator<typeof config, Formats>({
  type: 'map',
  summary: 'Sets fields to formatted text, and takes fields away.',
  config,
  examples: [
    {
      title: 'Name the cluster in every alert',
      yaml: "named: { type: map, from: detect, set: { cluster: 'prod-eu' } }",
    },
  ],
  prepare({ set }, edge) {
    const state = new Map(edge.sources.map((source) => [source, formatsOf(source, set, edge)]));
    const reads = new Map(
      [...state].map(([source, formats]) => {
        const texts = [...formats.values()].flatMap((format) => format.reads.map(({ text }) => text));
        return [source, { fields: new Set(texts), types: 'all' as const }];
      }),
    );
    return { state, reads };
  },
  create({ remove }, { state }) {
    const removed = new Set(remove);
    return bound((_form, source) => {
      const formats = [...(state.get(source) ?? [])].map(([name, format]) => [name, format.bind(recordForm)] as const);
      return change((event) => {
        const record = event as EventRecord;
        const fields: Record<string, Value> = {};
        for (const name in record.fields) if (!removed.has(name)) fields[name] = record.fields[name] as Value;
        for (const [name, format] of formats) fields[name] = format.text(record);
        return record.with(fields);
      });
    });
  },
});

function formatsOf(source: string, set: Readonly<Record<string, string>>, edge: Edge): Map<string, Format> {
  const formats = new Map<string, Format>();
  for (const [name, text] of Object.entries(set)) {
    const catalogue = cataloguesOn(edge).get(source);
    if (!catalogue) {
      edge.report(
        {
          severity: 'error',
          code: 'CONFIG_SOURCE',
          message: `The fields of the event source "${source}" are not known`,
        },
        ['set', name],
      );
      continue;
    }
    try {
      formats.set(name, compileFormat(text, catalogue, { place: edge.placer(['set', name]) }));
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      for (const each of error.diagnostics) edge.report({ ...each, message: `On ${source} events: ${each.message}` });
    }
  }
  return formats;
}
