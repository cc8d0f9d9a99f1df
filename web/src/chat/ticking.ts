/** The time, now and then: for what can be done for a while only. */

import { ref } from "vue";

/** Unix time, seconds. */
export const seconds = ref(Date.now() / 1000);

setInterval(() => (seconds.value = Date.now() / 1000), 5000);
