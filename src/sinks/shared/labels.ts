/** Names of labels, as Prometheus and Loki have them. */

/** A field's name as a label: what is neither letter nor digit becomes `_`; `proc.aname[2]` is `proc_aname_2`. */
export function labelName(field: string): string {
  const name = field.replace(/\]$/, '').replace(/[^A-Za-z0-9_]/g, '_');
  return /^[0-9]/.test(name) ? `_${name}` : name;
}
