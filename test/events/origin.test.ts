/** `node.name` of an event that has not left its machine, and what it is marked with when it does. */

import { describe, expect, it } from 'vitest';
import type { Origin } from '../../src/core/component.ts';
import { hostName } from '../../src/core/host.ts';
import { catalogues } from '../../src/events/catalogue.ts';
import { cloudFills, cloudForm } from '../../src/events/cloud/event.ts';
import type { FieldRef } from '../../src/events/field.ts';
import { kernelFills } from '../../src/events/kernel/form.ts';
import { withOrigin } from '../../src/events/origin.ts';
import { EventRecord } from '../../src/events/record.ts';
import { container } from '../../src/sources/container.ts';
import { internal } from '../../src/sources/internal.ts';

const ref = (source: string, field: string) => catalogues.get(source)?.find(field) as FieldRef;
const here: Origin = { node: hostName(), cluster: 'c', pipeline: 'edge', digest: 'sha256:0' };
const event = (fields: Record<string, string>) => new EventRecord('internal', 'heartbeat', 1n, fields);
const marks = { 'cluster.name': 'c', 'pipeline.name': 'edge', 'pipeline.digest': 'sha256:0' };

describe('where an event was seen', () => {
  it('all that sees events here fills the name of this node, and no other mark', () => {
    const fills = (field: string) => [
      kernelFills(ref('syscall', field)),
      cloudFills('aws_cloudtrail', field),
      internal.fills('internal', field, internal.config.parse({})),
      container.fills('container', field, container.config.parse({})),
    ];
    expect(fills('node.name')).toEqual([true, true, true, true]);
    for (const mark of Object.keys(marks)) expect(fills(mark)).toEqual([false, false, false, false]);
    expect(cloudForm('k8s_audit').readerOf('node.name')?.({} as never)).toBe(hostName());
  });

  it('is marked when it leaves, also of one that has the name of its node already', () => {
    const whole = { 'node.name': hostName(), ...marks };
    expect(withOrigin(event({}), here).fields).toEqual(whole);
    expect(withOrigin(event({ 'node.name': hostName() }), here).fields).toEqual(whole);
  });

  it('stays what it was of one that has been marked elsewhere', () => {
    for (const fields of [{ 'node.name': 'far' }, { 'node.name': 'far', 'pipeline.name': 'p' }]) {
      expect(withOrigin(event(fields), here).fields).toEqual(fields);
    }
    const again = { 'node.name': hostName(), 'pipeline.name': 'p' };
    expect(withOrigin(event(again), here).fields, 'it came back').toEqual(again);
  });
});
