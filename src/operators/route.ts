/** The operator `route`: each event gets the name of the first route that it satisfies; filters below go by that. */

import { z } from 'zod';
import { bound, change, type Demand, defineOperator } from '../core/component.ts';
import type { Event } from '../core/event.ts';
import { joinTypes } from '../core/flow/demanded-types.ts';
import { joinHosts } from '../core/flow/hosts.ts';
import type { Counter } from '../core/metrics.ts';
import { type EventRecord, recordForm } from '../events/record.ts';
import { boundCondition, conditionOn, conditionReads, type EdgeCondition } from './shared/condition.ts';
import { inside } from './shared/inside.ts';

const NAME = 'a name of a route has letters, digits, _ and -';
const FIELD = 'route.name';

const config = z.strictObject({
  routes: z
    .array(
      z.strictObject({
        name: z
          .string()
          .regex(/^[A-Za-z][\w-]*$/, NAME)
          .describe('The value of `route.name`.'),
        condition: z.string().min(1).describe("Which events go there, in Falco's filter language."),
        source: z.string().optional().describe('The event source that the condition is for. Default: all here.'),
      }),
    )
    .min(1)
    .describe('The routes, in order: the first whose condition an event satisfies is its own.'),
  otherwise: z
    .string()
    .regex(/^[A-Za-z][\w-]*$/, NAME)
    .default('other')
    .describe('The route of events that satisfy none.'),
});

type Routes = readonly { readonly name: string; readonly conditions: EdgeCondition }[];

export const route = defineOperator<typeof config, Routes>({
  type: 'route',
  summary: 'Sends each event one way: sets `route.name`, by which filters below divide them.',
  config,
  examples: [
    {
      title: 'Some wake people up, some go to a chat, the rest to a log: below, `filter` with `route.name = page`, …',
      yaml: [
        'routed:',
        '  type: route',
        '  from: detect',
        '  routes:',
        '    - { name: page, condition: "priority in (Emergency, Alert, Critical)" }',
        '    - { name: chat, condition: priority = Error and proc.name exists }',
        '  otherwise: log',
      ].join('\n'),
    },
  ],
  provides: () => [{ name: FIELD, doc: 'The route that the event goes.' }],
  prepare({ routes }, edge) {
    const state = routes.map(({ name, condition, source }, index) => ({
      name,
      conditions: conditionOn(inside(edge, ['routes', index]), condition, source),
    }));
    const reads = new Map(
      edge.sources.map((each): [string, Demand] => {
        const demands = state.flatMap(({ conditions }) => conditionReads(edge, conditions).get(each) ?? []);
        const fields = new Set(demands.flatMap((demand) => [...demand.fields]));
        // What no route wants passes as well.
        const types = joinTypes([...demands, { types: 'all' }]);
        return [each, { fields, ...types, ...joinHosts(demands) }];
      }),
    );
    return { state, reads };
  },
  create({ otherwise }, { state, metrics }) {
    const counters = new Map(
      [...state.map(({ name }) => name), otherwise].map((name) => [name, metrics.counter('routed', name)]),
    );
    return bound((_form, source) => {
      // What is changed is a record, whatever came.
      const tests = state.flatMap(({ name, conditions }) => {
        const test = boundCondition(conditions, recordForm, source);
        return test ? [[name, test] as const] : [];
      });
      const nameOf = (event: Event) => tests.find(([, test]) => test(event))?.[0] ?? otherwise;
      return change((event) => {
        const record = event as EventRecord;
        const name = nameOf(record);
        (counters.get(name) as Counter).value++;
        return record.with({ ...record.fields, [FIELD]: name });
      });
    });
  },
});
