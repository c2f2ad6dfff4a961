/** Rights that a run lacks are named at its start, with what is not seen. */

import { expect, test } from 'vitest';
import { sayMissingRights } from '../../../src/sources/ebpf/rights.ts';
import { recordedLog } from '../../core/shared.ts';

/** What is said where these capabilities are held. */
function said(...names: string[]): readonly string[] {
  const { log, lines } = recordedLog();
  const none = { bpf: false, perfmon: false, sys_ptrace: false, dac_read_search: false, sys_admin: false };
  sayMissingRights(log, { ...none, sys_resource: false, ...Object.fromEntries(names.map((name) => [name, true])) });
  return lines;
}

const PTRACE = 'without CAP_SYS_PTRACE names of users in containers and facts from /proc of others are not seen';
const FILES = 'without CAP_DAC_READ_SEARCH files below /proc/PID/root of others cannot be read';

test('each is named with what it is for, in one line', () => {
  expect(said('bpf', 'perfmon')).toEqual([`warn: rights are missing: ${PTRACE}, ${FILES}`]);
  expect(said('bpf', 'perfmon', 'sys_ptrace')).toEqual([`warn: rights are missing: ${FILES}`]);
  expect(said('sys_admin', 'dac_read_search')).toEqual([`warn: rights are missing: ${PTRACE}`]);
});

test('nothing is said with all of them, nor where nobody knows', () => {
  expect(said('bpf', 'perfmon', 'sys_ptrace', 'dac_read_search')).toEqual([]);
  expect(said()).toEqual([]);
});
