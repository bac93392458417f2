/** The time in Unix seconds, as all of Telegram's dates. */
export const nowSeconds = (): number => Math.floor(Date.now() / 1000)
