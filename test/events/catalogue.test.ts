import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { catalogues, makeCatalogue } from '../../src/events/catalogue.ts';
import { syscallEventTypes } from '../../src/events/syscall/event-types.ts';

const syscall = catalogues.get('syscall')!;
const find = (text: string) => syscall.find(text);

describe('find', () => {
  it.each(['proc.name', 'evt.latency.ns', 'fd.types', 'proc.aname', 'fd.realpath', 'container.mount'.concat('s')])(
    'knows the plain name %s',
    (text) => {
      expect(find(text)).toMatchObject({ text, field: { name: text } });
      expect(find(text)).not.toHaveProperty('arg');
    },
  );

  it.each([
    ['proc.aname[2]', 'proc.aname', '2'],
    ['evt.arg[0]', 'evt.arg', '0'],
    ['evt.arg.flags', 'evt.arg', 'flags'],
    ['evt.rawarg.mode', 'evt.rawarg', 'mode'],
    ['evt.type.is.openat', 'evt.type.is', 'openat'],
    ['evt.type.is.madvise', 'evt.type.is', 'madvise'],
    ['evt.abspath.src', 'evt.abspath', 'src'],
    ['thread.cgroup.memory', 'thread.cgroup', 'memory'],
    ['proc.env[LD_PRELOAD]', 'proc.env', 'LD_PRELOAD'],
    ['container.mount.dest[/proc*]', 'container.mount.dest', '/proc*'],
    ['k8s.pod.label[app.kubernetes.io/name]', 'k8s.pod.label', 'app.kubernetes.io/name'],
    ['evt.around[1404996934793590564]', 'evt.around', '1404996934793590564'],
  ])('takes %s apart', (text, name, arg) => {
    expect(find(text)).toEqual({ text, field: syscall.fields.find((field) => field.name === name), arg });
  });

  it('drops quotes around an argument', () => {
    expect(find('container.mount.dest["/etc"]')).toMatchObject({ text: 'container.mount.dest[/etc]', arg: '/etc' });
    expect(find("proc.aname['2']")).toMatchObject({ text: 'proc.aname[2]', arg: '2' });
  });

  it.each([
    'evt.arg',
    'evt.arg.nosuch',
    'evt.arg[x]',
    'evt.arg[]',
    'evt.type.is.nosuch',
    'evt.abspath.both',
    'evt.around[now]',
    'proc.aname[x]',
    'proc.aname[-1]',
    'proc.aname[]',
    'proc.aname[1',
    'proc.name[1]',
    'proc.name.x',
    'thread.cgroup',
    'thread.cgroup[cpu]',
    'k8s.pod.label',
    'Proc.name',
    'proc',
    '',
    '[',
    ']',
    '[0]',
    '.',
    'proc.name ',
  ])('refuses %j', (text) => {
    expect(find(text)).toBeUndefined();
  });

  it('never throws, and finds its own canonical text again', () => {
    const name = fc.constantFrom(...syscall.fields.map((field) => field.name), 'nosuch', '');
    const tail = fc.oneof(
      fc.constant(''),
      fc.string().map((arg) => `[${arg}]`),
      fc.string().map((arg) => `.${arg}`),
    );
    fc.assert(
      fc.property(name, tail, (start, end) => {
        const found = find(start + end);
        if (found !== undefined) expect(find(found.text)).toEqual(found);
      }),
    );
  });
});

describe('fields', () => {
  it('each have a sentence', () => {
    for (const catalogue of catalogues.values()) {
      for (const { name, doc } of catalogue.fields) expect(doc, name).toMatch(/^\S.{8,}[.:…]$/);
    }
  });

  it('take an argument only where its kind is said', () => {
    for (const field of syscall.fields) {
      if (field.arg === undefined) expect(field, field.name).not.toHaveProperty('argKind');
      else expect(field.argKind ?? field.dotted, field.name).toBeDefined();
    }
  });

  it('offer both ends of a socket, and every ancestor, as candidates', () => {
    const named = (how: string) =>
      syscall.fields.filter(({ candidates }) => candidates === how).map(({ name }) => name);
    const names = ['fd.cip.name', 'fd.lip.name', 'fd.rip.name', 'fd.sip.name'];
    expect(named('either').sort()).toEqual(['fd.ip', 'fd.net', 'fd.port', 'fd.proto', ...names].sort());
    expect(named('any').sort()).toEqual([
      'proc.aargs',
      'proc.acmdline',
      'proc.aexe',
      'proc.aexepath',
      'proc.aname',
      'proc.apid',
    ]);
  });
});

describe('catalogues', () => {
  it('has the sources that this program knows', () => {
    expect([...catalogues.keys()].sort()).toEqual([
      'alert',
      'aws_cloudtrail',
      'azure_audit',
      'container',
      'internal',
      'k8s_audit',
      'syscall',
      'vcd_audit',
    ]);
    for (const [source, catalogue] of catalogues) expect(catalogue.source).toBe(source);
  });

  it('lets an alert have its own fields and those of what it may be about', () => {
    const alert = catalogues.get('alert')!;
    for (const name of [
      'rule',
      'priority',
      'tags',
      'hostname',
      'output',
      'source',
      'id',
      'proc.aname[2]',
      'evt.arg.flags',
      'ct.user',
      'azure.caller',
      'ka.target.name',
      'vcd.prop[org]',
    ]) {
      expect(alert.find(name), name).toBeDefined();
    }
    expect(alert.find('tags')?.field.list).toBe(true);
    expect(alert.find('proc.aname[x]')).toBeUndefined();
    expect(syscall.find('rule')).toBeUndefined();
  });

  it('names the types of internal events', () => {
    const internal = catalogues.get('internal')!;
    expect([...internal.eventTypes!.names]).toEqual(['drop', 'error', 'gap', 'health', 'heartbeat']);
    expect(internal.find('internal.count')).toBeDefined();
    expect(internal.find('evt.type')).toBeDefined();
    expect(internal.find('proc.name')).toBeUndefined();
  });

  it('counts the first of two fields with one name', () => {
    const field = { name: 'a.b', type: 'CHARBUF', doc: 'One.', class: 'x' } as const;
    const made = makeCatalogue('x', [field, { ...field, doc: 'Two.' }]);
    expect(made.fields).toEqual([field]);
    expect(made.find('a.b')).toEqual({ text: 'a.b', field });
    expect(made.find('a.b[0]')).toBeUndefined();
    expect(made).not.toHaveProperty('eventTypes');
  });
});

describe('event types', () => {
  it('share a code only where a call has no event of its own', () => {
    const owner = new Map<number, string>();
    for (const name of syscallEventTypes.names) {
      for (const code of syscallEventTypes.codes(name)) {
        expect(code).toBeLessThan(syscallEventTypes.codeCount);
        if (code > 1) expect(owner.get(code) ?? name).toBe(name);
        owner.set(code, name);
      }
    }
  });

  it('know no code of an unknown name', () => {
    expect(syscallEventTypes.codes('nosuch')).toEqual([]);
    expect(syscallEventTypes.syscalls('nosuch')).toEqual([]);
  });

  it('name the calls that make an event', () => {
    expect(syscallEventTypes.syscalls('fcntl')).toEqual(['fcntl', 'fcntl64']);
    expect(syscallEventTypes.syscalls('procexit')).toEqual(['sched_process_exit']);
    expect(syscallEventTypes.syscalls('container')).toEqual([]);
    expect(syscallEventTypes.syscalls('openat')).toEqual(['openat']);
  });
});
