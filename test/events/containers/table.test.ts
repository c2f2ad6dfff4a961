import { describe, expect, it } from 'vitest';
import { ContainerEntry, host } from '../../../src/events/containers/container.ts';
import { ContainerTable } from '../../../src/events/containers/table.ts';

const id = (number: number) => number.toString(16).padStart(64, '0');

describe('The table of containers', () => {
  it('has one entry for all processes of a container, whatever their cgroups below it', () => {
    const added: ContainerEntry[] = [];
    const table = new ContainerTable((entry) => void added.push(entry));
    const entry = table.at(`/docker/${id(1)}`);
    expect(table.at(`/docker/${id(1)}`)).toBe(entry);
    expect(table.at(`/docker/${id(1)}/init.scope`)).toBe(entry);
    expect(table.at('/system.slice')).toBe(host);
    expect(table.get(id(1))).toBe(entry);
    expect(added).toEqual([entry]);
  });

  it('finds one that a runtime has told of before', () => {
    const table = new ContainerTable(() => expect.fail());
    const told = table.put(new ContainerEntry(id(1), 'podman'));
    expect(table.at(`/libpod_parent/libpod-${id(1)}`)).toBe(told);
  });

  it('is bounded: the oldest gives way, and is added again when it is seen again', () => {
    const added: string[] = [];
    const table = new ContainerTable((entry) => void added.push(entry.fullId), 3);
    const first = table.at(`/docker/${id(1)}`);
    for (let number = 2; number <= 4; number++) table.at(`/docker/${id(number)}`);
    expect([table.size, table.get(id(1))]).toEqual([3, undefined]);
    expect(table.at(`/docker/${id(1)}`)).not.toBe(first);
    expect(added).toEqual([id(1), id(2), id(3), id(4), id(1)]);
    for (let number = 0; number < 1000; number++) table.at(`/user.slice/session-${number}.scope`);
    expect(table.size).toBe(3);
  });
});
