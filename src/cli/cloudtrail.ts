/** `falco-pipe cloudtrail verify`: whether the log files in a bucket are those that AWS wrote. */

import { resolve } from 'node:path';
import { exitCode, messageOf, UserError } from '../core/errors.ts';
import { Aws } from '../sources/cloudtrail/aws.ts';
import type { Finding, Verdict } from '../sources/cloudtrail/digest/chain.ts';
import { verifyTrails } from '../sources/cloudtrail/digest/vault.ts';
import { parseInterval } from '../sources/cloudtrail/interval.ts';
import { say } from './say.ts';

export interface VerifyTrailOptions {
  readonly output: string;
  readonly prefix: string;
  readonly interval: string;
  readonly account?: readonly string[];
  readonly region?: readonly string[];
  readonly trail?: string;
  readonly awsRegion?: string;
  readonly profile?: string;
  readonly endpoint?: string;
}

/** Prints what is not as it should be, and the sums. The exit status is 1 when there is something. */
export async function verifyTrail(bucket: string, options: VerifyTrailOptions): Promise<void> {
  const span = parseInterval(options.interval, Date.now());
  if (span === undefined) {
    const message = `"${options.interval}" is no interval: 5d, 5d-2d, or times like 2026-03-01T00:00:00Z, alone or with a - between`;
    throw new UserError(message, { exit: exitCode.usage });
  }
  const access = { region: options.awsRegion, profile: options.profile, endpoint: options.endpoint };
  const aws = new Aws(access, { resolve: (path) => resolve(path) });
  const { account: accounts, region: regions, trail, prefix } = options;
  const sums: Record<string, number> = {};
  const findings: Finding[] = [];
  for await (const finding of verified(verifyTrails(aws, { bucket, prefix, accounts, regions, trail, span }))) {
    const kind = `${finding.what} ${finding.verdict}`;
    sums[kind] = (sums[kind] ?? 0) + 1;
    if (options.output === 'json') findings.push(finding);
    else if (finding.verdict !== 'valid') say(`${WORDS[finding.verdict]} ${finding.file}: ${finding.message}\n`);
  }
  const checked = Object.values(sums).reduce((sum, each) => sum + each, 0);
  const wrong = checked - (sums['digest valid'] ?? 0) - (sums['log valid'] ?? 0);
  if (options.output === 'json') say(`${JSON.stringify({ sums, findings })}\n`);
  else
    say(
      `${
        Object.entries(sums)
          .map(([kind, count]) => `${count} ${kind}`)
          .join(', ') || 'nothing'
      } found\n`,
    );
  if (checked === 0) {
    throw new UserError(`There are no digests in s3://${bucket} of that time: is log file validation on?`, {
      exit: exitCode.failure,
    });
  }
  if (wrong > 0) process.exitCode = exitCode.failure;
}

/** What AWS does not answer is no fault of the program. */
async function* verified(findings: AsyncGenerator<Finding>): AsyncGenerator<Finding> {
  try {
    yield* findings;
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(messageOf(error), { exit: exitCode.unavailable, cause: error });
  }
}

const WORDS: Readonly<Record<Verdict, string>> = {
  valid: 'valid   ',
  missing: 'MISSING ',
  modified: 'MODIFIED',
  invalid: 'INVALID ',
  gap: 'GAP     ',
};
