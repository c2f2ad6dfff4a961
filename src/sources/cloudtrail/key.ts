/** Keys of CloudTrail's log files (spec/cloud-sources.md §1.2b). */

/** A log file as its key names it. */
export interface LogFile {
  readonly account: string;
  readonly region: string;
  /** Of its name, ms since the epoch. */
  readonly time: number;
}

const NAME = /(?:^|\/)(\d{12})_CloudTrail_([^_/]+)_(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)Z_[^/]*\.json(?:\.gz)?$/;

/** What a key tells; undefined where it is that of no log file: of a digest, an insight, something else. */
export function parseKey(key: string): LogFile | undefined {
  const [, account, region, year, month, day, hour, minute] = NAME.exec(key) ?? [];
  if (account === undefined || region === undefined) return undefined;
  return { account, region, time: Date.parse(`${year}-${month}-${day}T${hour}:${minute}:00Z`) };
}

/** Whether a key, or its last part, is that of a digest: it is where log files are that AWS signs, and has no events. */
export function isDigest(key: string): boolean {
  return /(?:^|\/)\d{12}_CloudTrail-Digest_[^/]*\.json\.gz$/.test(key);
}

const two = (value: number) => String(value).padStart(2, '0');

/** The least key below the prefix of a region's log files that is not older than `time` (ms since the epoch). */
export function keyAt(prefix: string, { account, region }: Pick<LogFile, 'account' | 'region'>, time: number): string {
  const date = new Date(time);
  const [year, month, day] = [date.getUTCFullYear(), two(date.getUTCMonth() + 1), two(date.getUTCDate())];
  const minute = `${two(date.getUTCHours())}${two(date.getUTCMinutes())}`;
  return `${prefix}${year}/${month}/${day}/${account}_CloudTrail_${region}_${year}${month}${day}T${minute}`;
}
