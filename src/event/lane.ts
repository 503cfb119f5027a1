/** Which events keep order with each other. */
