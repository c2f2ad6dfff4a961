/** Following a runtime that refuses something, by virtual time. */

import { describe, expect, it } from 'vitest';
import { CallError, STATUS } from '../../src/containers/grpc.ts';
import type { Present } from '../../src/containers/runtime.ts';
import { FakeRuntime, has, id } from './fake-runtime.ts';
import { followed, pass, START } from './followed.ts';

const unimplemented = (why: string) => new CallError(why, STATUS.unimplemented);

describe('Following a runtime that refuses', () => {
  it('a runtime that does not say what it has, or says nothing, is not taken for one that is seen', async () => {
    const runtime = new FakeRuntime();
    runtime.present = () => Promise.reject(new Error('status 500'));
    const { said } = await followed(runtime);
    expect(said).toEqual(['docker: status 500']);
    runtime.deaf = true;
    await pass(10_500);
    expect(said).toEqual(['docker: status 500', 'docker: no answer within 10 s']);
    runtime.deaf = false;
    runtime.present = () => new Promise(() => {});
    await pass(20_000);
    expect(new Set(said.slice(2))).toEqual(new Set(['docker: no answer within 10 s']));
    runtime.present = async () => [];
    await pass(20_000);
    expect(said.slice(-2)).toEqual([expect.stringMatching(/^gap 0-\d+: status 500, 0$/), 'docker is seen']);
  });

  it('events of a connection on which it does not say what it has are told all the same', async () => {
    const runtime = new FakeRuntime();
    const listing = Promise.withResolvers<Present[]>();
    runtime.present = () => listing.promise;
    const { said } = await followed(runtime);
    runtime.tell({ type: 'create', id: id(1) });
    await pass(100);
    listing.reject(new Error('status 500'));
    await pass(0);
    expect(said).toEqual(['docker: status 500', 'create 1']);
  });

  it.each<[string, boolean, number, Error]>([
    ['has said that it tells', true, 0, new Error('too large')],
    ['answers, though only that it cannot', false, 1000, new CallError('too large', STATUS.resourceExhausted)],
  ])('one that %s is heard without a list of what it has: all before is a gap', async (_, answers, doubt, error) => {
    const runtime = new FakeRuntime();
    runtime.answers = answers;
    runtime.present = async () => has([1, 'running'], [2, 'running']);
    const { said } = await followed(runtime);
    await pass(1000);
    runtime.drop();
    const listings: number[] = [];
    runtime.present = () => {
      listings.push(Date.now() - START);
      return Promise.reject(error);
    };
    await pass(500 + doubt);
    const gap = `gap 1000-${1500 + doubt}: dropped; what there was then is not known: too large, 0`;
    expect(said.splice(0)).toEqual(['docker is seen', 'docker: dropped', gap, 'docker is seen']);
    runtime.tell({ type: 'die', id: id(2), time: 2n });
    await pass(60_000);
    expect(said.splice(0)).toEqual(['die 2']);
    expect(runtime.connections).toHaveLength(2);
    expect(listings.slice(0, 3)).toEqual([1500, 3500 + doubt, 6500 + 2 * doubt]);
    // What went unseen is found as soon as it says so, once.
    runtime.present = async () => has([2, 'ended'], [3, 'running']);
    await pass(60_000);
    runtime.tell({ type: 'start', id: id(2), time: 3n });
    await pass(60_000);
    expect(said.splice(0)).toEqual(['die 1', 'remove 1', 'create 3', 'start 3', 'start 2']);
  });

  it('one that refuses to tell is not heard, even if it has first refused to say what it has', async () => {
    const runtime = new FakeRuntime();
    runtime.present = () => Promise.reject(new CallError('not initialized yet', 2));
    const { said } = await followed(runtime);
    await pass(500);
    runtime.drop('not initialized yet');
    await pass(400);
    expect(said).toEqual(['docker: not initialized yet']);
  });

  it('a first connection on which it does not say what it has is said to be one', async () => {
    const runtime = new FakeRuntime();
    runtime.answers = true;
    runtime.present = () => Promise.reject(new Error('status 500'));
    const { said } = await followed(runtime);
    runtime.tell({ type: 'start', id: id(7) });
    await pass(60_000);
    expect(said).toEqual(['gap 0-0: what there was then is not known: status 500, 0', 'docker is seen', 'start 7']);
  });

  it('one without such events is looked for again each minute: what was not heard before it was upgraded is one gap', async () => {
    const old = new FakeRuntime();
    old.refusal = unimplemented('unknown method GetContainerEvents');
    const { said } = await followed(old);
    await pass(150_000);
    expect(said).toEqual(new Array(3).fill('docker: unknown method GetContainerEvents'));
    old.refusal = undefined;
    await pass(30_000);
    old.tell({ id: id(1) });
    await pass(0);
    expect(said.slice(3)).toEqual(['gap 0-180000: unknown method GetContainerEvents, 0', 'docker is seen', 'create 1']);
    expect(old.tries.map((at) => at - START)).toEqual([0, 60_000, 120_000, 180_000]);
  });

  it('one that does not offer its events is neither seen nor missed, until it does', async () => {
    const runtime = new FakeRuntime();
    runtime.refusal = unimplemented('unknown service runtime.v1.RuntimeService');
    const { said, end } = await followed(runtime);
    await pass(90_000);
    expect(said).toEqual(['docker offers none', 'docker offers none']);
    runtime.refusal = undefined;
    await pass(30_000);
    expect(said.slice(2)).toEqual(['gap 60000-120000: it did not offer its events yet, 0', 'docker is seen']);
    // Since then it is missed when it has them no more.
    runtime.drop();
    runtime.refusal = unimplemented('unknown service runtime.v1.RuntimeService');
    await pass(10_000);
    end();
    expect(said.slice(4)).toEqual([
      'docker: dropped',
      'docker: unknown service runtime.v1.RuntimeService',
      'gap 120000-130000: dropped, 0',
    ]);
  });

  it('one that could not be reached, and then does not offer its events, was no loss', async () => {
    const runtime = new FakeRuntime();
    runtime.refusal = new Error('connect ENOENT');
    const { said, end } = await followed(runtime);
    await pass(1000);
    runtime.refusal = unimplemented('unknown service runtime.v1.RuntimeService');
    await pass(60_000);
    runtime.refusal = new Error('connect ENOENT');
    await pass(60_000);
    runtime.refusal = unimplemented('unknown service runtime.v1.RuntimeService');
    await pass(60_000);
    end();
    const turns = said.filter((each, index) => each !== said[index - 1]);
    expect(turns).toEqual([
      'docker: connect ENOENT',
      'docker offers none',
      'docker: connect ENOENT',
      'docker offers none',
    ]);
  });

  it('of one that comes later the time is a gap in which it may have been there', async () => {
    const runtime = new FakeRuntime('podman');
    const there: FakeRuntime[] = [];
    const { said } = await followed(() => there);
    await pass(7000);
    there.push(runtime);
    await pass(3000);
    expect(said).toEqual(['gap 5000-10000: it was not there yet, 0', 'podman is seen']);
  });
});
