/**
 * The weight an `Accept` header gives to a media type by name, 0 where it does not name it
 * (RFC 9110, section 12.5.1). Wildcards do not count: they say that anything will do.
 */
export function weightOf(accept: string, type: string): number {
  const weights = accept.split(',').map((element) => {
    const [name, ...parameters] = element.split(';').map((part) => part.trim().toLowerCase())
    if (name !== type) return 0
    const weight = parameters.find((parameter) => parameter.startsWith('q='))
    return weight === undefined ? 1 : Number(weight.slice(2)) || 0
  })
  return Math.max(...weights)
}
