/** What stands where a secret stood. */
const HIDDEN = '<hidden>'
/** Shorter texts turn up in innocent words. */
const MIN_LITERAL = 8

/** Secrets that are known by their shape. None of them crosses a quote or a space. */
const SHAPES: readonly (readonly [RegExp, string])[] = [
  // A Bot API URL: the text after /bot is its token.
  [/\/bot\d+(?::|%3A)[^/\s"'\\?]+/gi, `/bot${HIDDEN}`],
  [/\b\d{3,16}(?::|%3A)[\w-]{20,}/gi, HIDDEN],
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, HIDDEN],
  [/\btkt_[\w-]{20,}/g, HIDDEN],
  [/\bBearer +[^\s"'\\]+/gi, `Bearer ${HIDDEN}`],
  [/\b(\w*(?:token|session|secret|api_?hash)=)[^&\s"'\\]+/gi, `$1${HIDDEN}`],
  // The name and password of a URL.
  [/(:\/\/)[^/\s"'\\@]+@/g, `$1${HIDDEN}@`],
  // Sessions and keys in base64 or hex; no path and no sentence is so long without a dot.
  [/[\w+/-]{200,}={0,2}/g, HIDDEN],
]

/** A text to take out wherever it stands, and what to put in its place. */
export interface Literal {
  text: string
  as?: string
}

/**
 * Makes the last net under a log: takes secrets out of a text by their looks, and the given
 * literals as they are, URL-encoded or inside JSON. Literals of less than 8 characters are left.
 */
export function createScrubber(literals: readonly Literal[] = []): (text: string) => string {
  const known = literals
    .filter(({ text }) => text.length >= MIN_LITERAL)
    // A longer one may hold a shorter one.
    .sort((a, b) => b.text.length - a.text.length)
    .flatMap(({ text, as = HIDDEN }) => [...spellings(text)].map((spelling) => ({ spelling, as })))
  return (text) => {
    let clean = text
    for (const { spelling, as } of known) clean = clean.replaceAll(spelling, as)
    for (const [shape, as] of SHAPES) clean = clean.replace(shape, as)
    return clean
  }
}

function spellings(text: string): Set<string> {
  return new Set([text, encodeURIComponent(text.toWellFormed()), JSON.stringify(text).slice(1, -1)])
}
