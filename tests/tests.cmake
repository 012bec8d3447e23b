# SPDX-License-Identifier: Apache-2.0
# Each file of tests/unit is one Criterion executable; tests/stress, tests/crash and tests/model hold
# plain programs (they also run under TSan, where Criterion cannot); tests/fuzz holds libFuzzer targets.

file(GLOB_RECURSE support_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/support/*.c
     ${CMAKE_SOURCE_DIR}/tests/model/oracle*.c ${CMAKE_SOURCE_DIR}/tests/model/model_*.c)
if(support_sources)
  add_library(corong_test_support STATIC ${support_sources})
else()
  add_library(corong_test_support INTERFACE)
endif()
if(TARGET corong_tools)
  set(test_libraries corong_tools)
else()
  set(test_libraries corong_ingest)
endif()
if(support_sources)
  target_link_libraries(corong_test_support PUBLIC ${test_libraries})
else()
  target_link_libraries(corong_test_support INTERFACE ${test_libraries})
endif()

# A leak does not fail a Criterion test by itself, so the words of a sanitizer do.
set(sanitizer_words "LeakSanitizer|runtime error|AddressSanitizer|ThreadSanitizer")

# What speaks with librdkafka; built as one target to be tried with another version of it.
set(kafka_test_words "kafka|produce|ingest_letters")
add_custom_target(kafka_tests)

function(corong_test_executable source)
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} ${source})
  if(name MATCHES "${kafka_test_words}")
    add_dependencies(kafka_tests ${name})
  endif()
  target_link_libraries(${name} PRIVATE corong_test_support ${ARGN})
  corong_plain_binary(${name})
  if(CORONG_SANITIZE MATCHES "thread")
    # librdkafka's threads, made visible to TSan.
    target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/support/thread_calls.c)
    set_target_properties(${name} PROPERTIES ENABLE_EXPORTS ON)
  endif()
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES FAIL_REGULAR_EXPRESSION "${sanitizer_words}" TIMEOUT 300)
endfunction()

if(NOT CORONG_SANITIZE MATCHES "thread" AND NOT CORONG_FUZZ)
  pkg_check_modules(CRITERION REQUIRED IMPORTED_TARGET criterion)
  file(GLOB_RECURSE unit_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/*_test.c)
  foreach(source ${unit_sources})
    corong_test_executable(${source} PkgConfig::CRITERION)
  endforeach()
endif()

if(NOT CORONG_FUZZ)
  file(GLOB program_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/stress/*_stress.c
       ${CMAKE_SOURCE_DIR}/tests/crash/*_test.c ${CMAKE_SOURCE_DIR}/tests/model/*_test.c)
  if(CORONG_SANITIZE MATCHES "thread")
    # One thread, thousands of crashes: minutes of TSan that can find nothing.
    list(FILTER program_sources EXCLUDE REGEX "/(store|group)_crash_test\\.c$")
    # A table of error codes; its threads are those of kafka_group_test.
    list(FILTER program_sources EXCLUDE REGEX "/kafka_fault_test\\.c$")
  endif()
  foreach(source ${program_sources})
    corong_test_executable(${source})
  endforeach()
  # The longest first, so that no core waits for them at the end.
  foreach(name store_crash_test match_model_test store_model_test kafka_fault_test kafka_group_test)
    if(TEST ${name})
      set_tests_properties(${name} PROPERTIES COST 1000)
    endif()
  endforeach()
  # Kernels are compared one by one by their own tests; these go all the way without AVX2.
  foreach(name block_model_test slices_model_test memo_model_test segment_test decode_lines_test replay_test
               query_funnel_test)
    if(TEST ${name} AND NOT CORONG_SANITIZE)
      add_test(NAME ${name}_scalar COMMAND ${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
      set_tests_properties(${name}_scalar PROPERTIES ENVIRONMENT CORONG_CPU=scalar TIMEOUT 300)
    endif()
  endforeach()
  if(TARGET store_crash_test)
    # One of its mutants takes a torn manifest record for a whole one.
    target_link_options(store_crash_test PRIVATE -Wl,--wrap=manifest_record_decode)
  endif()
endif()

if(CORONG_FUZZ)
  file(GLOB fuzz_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/fuzz/*_fuzz.c
       ${CMAKE_SOURCE_DIR}/tests/fuzz/*_fuzz.cpp)
  foreach(source ${fuzz_sources})
    get_filename_component(name ${source} NAME_WE)
    add_executable(${name} ${source})
    target_link_libraries(${name} PRIVATE corong_test_support)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    if(source MATCHES "simdjson")
      pkg_check_modules(SIMDJSON REQUIRED IMPORTED_TARGET simdjson)
      target_link_libraries(${name} PRIVATE PkgConfig::SIMDJSON)
    endif()
  endforeach()
endif()

# corong-cases answers test vectors; tests/cases/run.py compares.
file(GLOB case_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/cases/*.c)
if(case_sources AND NOT CORONG_FUZZ)
  add_executable(corong-cases ${case_sources})
  target_link_libraries(corong-cases PRIVATE ${test_libraries} PkgConfig::JANSSON)
  corong_plain_binary(corong-cases)
endif()

# corong-levels says every user's level; tests/dialect/ asks it and other systems.
if(NOT CORONG_FUZZ)
  add_executable(corong-levels ${CMAKE_SOURCE_DIR}/tests/dialect/corong_levels.c)
  target_link_libraries(corong-levels PRIVATE ${test_libraries} PkgConfig::JANSSON)
  corong_plain_binary(corong-levels)
endif()

# Benches are built with everything else, so that they cannot rot; nothing runs them but people.
file(GLOB bench_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bench/micro/*_bench.c)
foreach(source ${bench_sources})
  get_filename_component(name ${source} NAME_WE)
  if(NOT CORONG_FUZZ)
    add_executable(${name} ${source})
    target_link_libraries(${name} PRIVATE ${test_libraries})
    corong_plain_binary(${name})
  endif()
endforeach()

# Preloaded by tests/crash/replay_kill.py.
if(NOT CORONG_FUZZ AND NOT CORONG_SANITIZE)
  add_library(kill_at MODULE tests/crash/kill_at.c)
  target_link_libraries(kill_at PRIVATE corong_flags)
  set_target_properties(kill_at PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY
                        ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
endif()

if(TARGET corong)
  add_dependencies(kafka_tests corong clickgen)
endif()

# Transcripts of the binary: what people type and what they see.
if(TARGET corong)
  set(cli_options)
  if(CORONG_SANITIZE MATCHES "thread")
    set(cli_options --no-kafka)
  endif()
  add_test(NAME cli COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/cli/run.py --corong $<TARGET_FILE:corong>
           ${cli_options})
  set_tests_properties(cli PROPERTIES TIMEOUT 300)
endif()

# The binary against a broker of its own. Debian's librdkafka does not run under TSan.
if(TARGET corong AND TARGET kafka_store_test AND NOT CORONG_SANITIZE MATCHES "thread")
  add_test(NAME kafka_cli COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/model/kafka_cli.py
           ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
  set_tests_properties(kafka_cli PROPERTIES TIMEOUT 120)
endif()
