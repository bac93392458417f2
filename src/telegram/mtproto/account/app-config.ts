import { DEFAULT_MAX_PARTS } from '../../limits.ts'
import type { Api, Gramjs, TlRequest } from '../connection/gramjs.ts'

/**
 * How many parts one file of this account may have: `help.getAppConfig` says it for everybody
 * and for Premium (core.telegram.org/api/config#client-configuration).
 */
export async function readMaxParts(
  { Api }: Gramjs,
  call: <Answer>(request: TlRequest<Answer>) => Promise<Answer>,
): Promise<number> {
  const answer = await call(new Api.help.GetAppConfig({ hash: 0 }))
  if (!(answer instanceof Api.help.AppConfig)) return DEFAULT_MAX_PARTS
  const [self] = await call(new Api.users.GetUsers({ id: [new Api.InputUserSelf()] }))
  const premium = self instanceof Api.User && self.premium === true
  const key = premium ? 'upload_max_fileparts_premium' : 'upload_max_fileparts_default'
  return readNumber(answer.config, key) ?? DEFAULT_MAX_PARTS
}

function readNumber(config: Api.TypeJSONValue, key: string): number | null {
  if (!('value' in config) || !Array.isArray(config.value)) return null
  for (const entry of config.value) {
    if (!('key' in entry) || entry.key !== key) continue
    return 'value' in entry.value && typeof entry.value.value === 'number'
      ? entry.value.value
      : null
  }
  return null
}
