/**
 * Answers about short texts, remembered: a PBX names things the same in every webhook. Bounded in number and length.
 */

const maxTexts = 1_024
const maxLength = 64

/** `answer` of a text, which is asked once for each short text; when 1,024 are known, all are forgotten. `answer` must be pure. */
export function remembered<A extends NonNullable<unknown>>(answer: (text: string) => A): (text: string) => A {
  // An object and not a Map: that one would keep a text as it was cut out of a body, and with it all of the body.
  let answers: Record<string, A> = Object.create(null)
  let count = 0
  return (text) => {
    if (text.length > maxLength) return answer(text)
    const known = answers[text]
    if (known !== undefined) return known
    if (count === maxTexts) {
      answers = Object.create(null)
      count = 0
    }
    count += 1
    const fresh = answer(text)
    answers[text] = fresh
    return fresh
  }
}
