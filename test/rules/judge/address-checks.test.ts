/** Conditions on addresses of kernel events, which are compared as numbers, say what they say of the same addresses as texts. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { catalogues } from '../../../src/events/catalogue.ts';
import type { FieldRef } from '../../../src/events/field.ts';
import type { KernelEvent } from '../../../src/events/kernel/event.ts';
import { kernelForm, materialise } from '../../../src/events/kernel/form.ts';
import { recordForm } from '../../../src/events/record.ts';
import { bindRules, loadRules } from '../../../src/rules/index.ts';
import { base } from '../../events-kernel/field-support.ts';
import { Bench, type Fields } from '../../events-kernel/slab-writer.ts';
import { scratch } from '../../scratch.ts';
import { namesFound, rule, syscall } from '../support.ts';

const folder = scratch();
const ENGINES = ['closures', 'generated', 'cached'] as const;
const ADDRESSES = ['fd.ip', 'fd.cip', 'fd.lip', 'fd.sip', 'fd.rip'];
const NETWORKS = ['fd.net', 'fd.cnet', 'fd.lnet', 'fd.snet', 'fd.rnet'];
const kept = [...ADDRESSES, ...NETWORKS].map((text) => syscall.find(text) as FieldRef);

/** More than are judged as if they stood in the rules. */
const FILLERS = Array.from({ length: 70 }, (_, n) => `203.0.113.${n}`);

/** Few addresses, so that they meet: of either family, the largest, and none. */
const quads = [
  '0.0.0.0',
  '1.2.3.4',
  '10.0.0.1',
  '10.0.0.2',
  '10.0.0.3',
  '127.0.0.1',
  '192.168.255.255',
  '255.255.255.255',
];
const sixes = ['::', '::1', '2001:db8::1', 'fe80::ffff:1'];
const addresses = [...quads, ...sixes];
const networks = [
  '10.0.0.0/8',
  '0.0.0.0/0',
  '127.0.0.0/8',
  '255.255.255.255/32',
  '192.168.0.0/16',
  '2001:db8::/32',
  '::/1',
];

const quadBytes = (text: string) => text.split('.').map(Number);
const bytesOf: Readonly<Record<string, readonly number[]>> = {
  '::': Array(16).fill(0),
  '::1': [...Array(15).fill(0), 1],
  '2001:db8::1': [0x20, 0x01, 0x0d, 0xb8, ...Array(11).fill(0), 1],
  'fe80::ffff:1': [0xfe, 0x80, ...Array(10).fill(0), 0xff, 0xff, 0, 1],
};

/** How a socket has its addresses: as IPv4, as IPv6, as IPv4 inside it. */
const pair = fc.oneof(
  fc.record({ family: fc.constant(2), ends: fc.tuple(fc.constantFrom(...quads), fc.constantFrom(...quads)) }),
  fc.record({ family: fc.constant(10), ends: fc.tuple(fc.constantFrom(...sixes), fc.constantFrom(...sixes)) }),
  fc.record({ family: fc.constant(46), ends: fc.tuple(fc.constantFrom(...quads), fc.constantFrom(...quads)) }),
);

const sockets = fc
  .tuple(pair, fc.constantFrom(0, 1, 2), fc.constantFrom(0, -111, -115), fc.constantFrom(0, 443), fc.boolean())
  .map(([{ family, ends }, role, ret, port, connects]): Fields => {
    const bytes = ends.map((end) => {
      if (family === 10) return bytesOf[end] as readonly number[];
      return family === 2 ? quadBytes(end) : [...Array(10).fill(0), 255, 255, ...quadBytes(end)];
    }) as [number[], number[]];
    return {
      ...base,
      kind: 'socket',
      nr: connects ? 42 : 44,
      fd: 5,
      ret,
      role,
      family: family === 2 ? 2 : 10,
      sock_type: 1,
      protocol: 6,
      local_addr: bytes[0],
      local_port: 40_000,
      remote_addr: bytes[1],
      remote_port: port,
      addr_family: 2,
    } as Fields;
  });

const condition = fc.oneof(
  fc
    .tuple(fc.constantFrom(...ADDRESSES), fc.constantFrom('=', '!='), fc.constantFrom(...addresses))
    .map((all) => all.join(' ')),
  fc
    .tuple(fc.constantFrom(...NETWORKS), fc.constantFrom('=', '!='), fc.constantFrom(...networks))
    .map((all) => all.join(' ')),
  fc
    .tuple(fc.constantFrom(...ADDRESSES), fc.constantFrom('in', '= anyof'), fc.subarray(addresses, { minLength: 1 }))
    .map(([field, operator, items]) => `${field} ${operator} (${items.join(', ')})`),
  fc
    .tuple(fc.constantFrom(...NETWORKS), fc.subarray(networks, { minLength: 1 }))
    .map(([field, items]) => `${field} in (${items.join(', ')})`),
  fc
    .tuple(fc.constantFrom(...ADDRESSES), fc.constantFrom('far', 'far, 10.0.0.2'))
    .map(([field, items]) => `${field} in (${items})`),
  fc.constantFrom(...NETWORKS).map((field) => `${field} in (nets)`),
  fc.constantFrom(...ADDRESSES, ...NETWORKS).map((field) => `${field} exists`),
  fc.constantFrom('fd.sip = val(fd.cip)', 'fd.lip = val(fd.rip)'),
);

describe('conditions on addresses', () => {
  it('say the same of numbers as of texts', () => {
    fc.assert(
      fc.property(
        fc.array(condition, { minLength: 1, maxLength: 6 }),
        fc.array(sockets, { minLength: 1, maxLength: 8 }),
        fc.subarray(addresses, { minLength: 1 }),
        fc.subarray(networks, { minLength: 1 }),
        fc.boolean(),
        (conditions, records, far, nets, many) => {
          const fill = (items: readonly string[], make: (item: string) => string) =>
            [...items, ...(many ? FILLERS.map(make) : [])].join('\n');
          writeFileSync(
            join(folder, 'far.txt'),
            fill(far, (item) => item),
          );
          writeFileSync(
            join(folder, 'nets.txt'),
            fill(nets, (item) => `${item}/32`),
          );
          const lists = ['far', 'nets']
            .map((name) => `- list: ${name}\n  items_from: { file: ${name}.txt }\n`)
            .join('');
          const content = lists + conditions.map((each, n) => rule({ condition: each }, `r${n}`)).join('');
          const { rules } = loadRules([{ name: 'rules.yaml', content, path: join(folder, 'rules.yaml') }], {
            catalogues,
          });
          const slab = new Bench().load(base).slab(...records);
          for (const engine of ENGINES) {
            const byNumber = bindRules(rules, kernelForm, { matching: 'all', engine });
            const byText = bindRules(rules, recordForm, { matching: 'all', engine });
            for (let index = 0; index < slab.length; index++) {
              const event = slab.at(index) as KernelEvent;
              expect(namesFound(byNumber, event)).toEqual(namesFound(byText, materialise(event, kept)));
            }
          }
          slab.release();
        },
      ),
      { numRuns: 150 },
    );
  });
});
