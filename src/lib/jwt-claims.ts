/**
 * What a JWT says of itself, unverified: no more than a hint. Null for a token that is no JWT, and so
 * says nothing.
 */
export function readJwtClaims(token: string): Readonly<Record<string, unknown>> | null {
  const [, payload, signature] = token.split('.')
  if (payload === undefined || signature === undefined) return null
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'))
    return typeof claims === 'object' && claims !== null
      ? Object.fromEntries(Object.entries(claims))
      : null
  } catch {
    return null
  }
}
