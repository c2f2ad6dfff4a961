import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { catalogues } from '../../src/events/catalogue.ts';
import { Hosts } from '../../src/events/hosts.ts';
import { compileCondition, hostsIn } from '../../src/rules/index.ts';

const MINUTE = 60_000;

describe('hosts', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** Names and their addresses, which the test may change; `asked` are the names in the order of the searches. */
  function directory(answers: Record<string, string[]>) {
    const asked: string[] = [];
    const unknown: (readonly string[])[] = [];
    let under = 0;
    const hosts = new Hosts({
      resolve: async (name) => {
        asked.push(name);
        if (++under > 1) throw new Error('two at a time');
        await new Promise((resolve) => setTimeout(resolve, 1));
        under--;
        const found = answers[name];
        if (found === undefined) throw new Error('ENOTFOUND');
        return found;
      },
      unknown: (names) => unknown.push(names),
    });
    return { hosts, asked, unknown, answers };
  }

  it('know the names of an address, all of them, once they are looked up', async () => {
    const { hosts, unknown } = directory({ 'a.example': ['10.0.0.1', '2001:db8::1'], 'b.example': ['10.0.0.1'] });
    hosts.want(new Set(['a.example', 'b.example', '']));
    expect(hosts.namesOf('10.0.0.1')).toEqual([]);
    await vi.advanceTimersByTimeAsync(10);
    expect(hosts.namesOf('10.0.0.1')).toEqual(['a.example', 'b.example']);
    expect(hosts.namesOf('2001:db8::1')).toEqual(['a.example']);
    expect(hosts.namesOf('10.0.0.2')).toEqual([]);
    expect(unknown).toEqual([]);
    hosts.close();
  });

  it('say once which names have no address', async () => {
    const { hosts, unknown, answers } = directory({ known: ['10.0.0.1'] });
    hosts.want(new Set(['known', 'one', 'two']));
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(unknown).toEqual([['one', 'two']]);
    answers.one = ['10.0.0.9'];
    await vi.advanceTimersByTimeAsync(3 * MINUTE);
    expect(hosts.namesOf('10.0.0.9')).toEqual(['one']);
    hosts.want(new Set(['one', 'three']));
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(unknown).toEqual([['one', 'two'], ['three']]);
    hosts.close();
  });

  it('are looked up again, later each time; sooner when something has changed', async () => {
    const { hosts, asked, answers } = directory({ a: ['10.0.0.1'] });
    hosts.want(new Set(['a']));
    await vi.advanceTimersByTimeAsync(15_000);
    expect(asked).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(60 * MINUTE);
    const calm = asked.length;
    expect(calm).toBeLessThan(12);
    answers.a = ['10.0.0.2'];
    await vi.advanceTimersByTimeAsync(20 * MINUTE);
    expect(hosts.namesOf('10.0.0.2')).toEqual(['a']);
    hosts.close();
    const before = asked.length;
    await vi.advanceTimersByTimeAsync(60 * MINUTE);
    expect(asked).toHaveLength(before);
  });

  it('keep an address for an hour after it was last answered, also when nothing answers', async () => {
    const { hosts, answers } = directory({ a: ['10.0.0.1', '10.0.0.2'] });
    hosts.want(new Set(['a']));
    await vi.advanceTimersByTimeAsync(1000);
    answers.a = ['10.0.0.2'];
    await vi.advanceTimersByTimeAsync(30 * MINUTE);
    expect(hosts.namesOf('10.0.0.1')).toEqual(['a']);
    await vi.advanceTimersByTimeAsync(60 * MINUTE);
    expect(hosts.namesOf('10.0.0.1')).toEqual([]);
    delete answers.a;
    await vi.advanceTimersByTimeAsync(30 * MINUTE);
    expect(hosts.namesOf('10.0.0.2')).toEqual(['a']);
    hosts.close();
  });

  it('are forgotten when nobody wants them any more, also while they are looked up', async () => {
    const { hosts } = directory({ a: ['10.0.0.1'], b: ['10.0.0.2'] });
    hosts.want(new Set(['a', 'b']));
    hosts.want(new Set(['b']));
    await vi.advanceTimersByTimeAsync(100);
    expect([hosts.namesOf('10.0.0.1'), hosts.namesOf('10.0.0.2')]).toEqual([[], ['b']]);
    hosts.close();
  });
});

it('the resolver of the machine knows localhost', async () => {
  const hosts = new Hosts();
  hosts.want(new Set(['localhost']));
  await vi.waitFor(() => expect(hosts.namesOf('127.0.0.1')).toEqual(['localhost']), { timeout: 20_000 });
  hosts.close();
});

describe('conditions', () => {
  const catalogue = catalogues.get('syscall') as NonNullable<ReturnType<typeof catalogues.get>>;
  const condition = (text: string) => compileCondition(text, catalogue);

  it('name the hosts that they compare with', () => {
    const text =
      'evt.type = connect and not (fd.sip.name = a or fd.rip.name in (b, c) and fd.cip.name != "d" and fd.name = e)';
    expect(hostsIn([condition(text)])).toEqual(new Set(['a', 'b', 'c', 'd']));
  });

  it('hold when one of the names of an address is compared with', () => {
    const answers = (text: string, value: unknown) => {
      const form = { name: 'test', reader: () => () => value } as never;
      return condition(text).bind(form)({} as never);
    };
    const both = ['a', 'b'];
    expect([answers('fd.sip.name = b', both), answers('fd.sip.name in (x, a)', both)]).toEqual([true, true]);
    expect([answers('fd.sip.name != b', both), answers('fd.sip.name != c', both)]).toEqual([false, true]);
    expect([answers('fd.sip.name = a', ''), answers('fd.sip.name != a', '')]).toEqual([false, true]);
  });
});
