import type { LeaseName } from '../../../core/ports/cluster/leases.ts'

/** The lease of the account of this name (`Accounts.nameOf`): one node of a cluster at a time has it. */
export function accountLease(name: string): LeaseName {
  return `account:${name}`
}
