import type { DoctorContext } from './check.ts'

/** What an account may do with the posts of others in a channel. */
export interface RightsOverOthers {
  mayEdit: boolean
  mayDelete: boolean
}

/**
 * Reports the rights that the library needs beside that of posting. Without them it works for what
 * the account has posted itself, so that their lack is no fault.
 */
export function reportRights(
  { report }: Pick<DoctorContext, 'report'>,
  { check, who, mayEdit, mayDelete }: RightsOverOthers & { check: string; who: string },
): void {
  const missing = [
    ...(mayEdit ? [] : [{ verb: 'edit', right: '"Edit messages of others"' }]),
    ...(mayDelete ? [] : [{ verb: 'delete', right: '"Delete messages of others"' }]),
  ]
  if (missing.length === 0) return
  report({
    verdict: 'note',
    check,
    text: `may not ${missing.map(({ verb }) => verb).join(' or ')} what others have posted`,
    advice: `Files of others in the channel can then not be renamed, moved or deleted here. In the channel:\nAdministrators, ${who}, ${missing.map(({ right }) => right).join(', ')}.`,
  })
}
